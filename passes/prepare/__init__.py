"""Make the float graph regular (`qd` to `qd`)."""
