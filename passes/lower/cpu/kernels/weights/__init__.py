"""How weights lie in memory, in 8 bits and fewer."""
