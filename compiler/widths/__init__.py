"""What can be chosen, layer by layer, how it is written down, and what rounding to it does."""
