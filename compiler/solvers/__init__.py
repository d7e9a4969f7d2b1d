"""Integer programs and searches over plain numbers; nothing here knows a network."""
