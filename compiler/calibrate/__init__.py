"""Samples go through the float reference and leave ranges on the operations."""
