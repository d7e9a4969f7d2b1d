"""What one compile leaves for the next, and what that depends on."""
