"""A compiled network for other engines."""
