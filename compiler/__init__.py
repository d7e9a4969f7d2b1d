"""Everything that needs data, the outside world, or a decision."""
