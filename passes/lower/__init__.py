"""Integers become code, one folder per kind of machine."""
