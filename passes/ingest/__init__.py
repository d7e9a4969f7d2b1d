"""What the importers brought becomes `qd`."""
