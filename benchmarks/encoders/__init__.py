"""Which transformer encoders import takes, and how much of them integers keep."""
