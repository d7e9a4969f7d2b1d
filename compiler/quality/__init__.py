"""How right a network is: comparisons with float, metrics, and when a loss is accepted."""
