"""Pictures of results, and the page that holds them."""
