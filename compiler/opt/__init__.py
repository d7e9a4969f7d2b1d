"""dyadic-opt, for whoever writes passes."""
