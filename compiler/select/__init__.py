"""Choose the width of every layer."""
