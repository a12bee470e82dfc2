"""The compiled engine: the rules of the pool as loops, equal call for call to `engine.model`."""
