"""Decisions become integers (`qd` to `qi`)."""
