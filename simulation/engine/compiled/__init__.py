"""The room `engine.compiled`."""
