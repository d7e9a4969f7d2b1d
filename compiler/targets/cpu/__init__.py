"""x86-64 processors: machine code, packing, the artifact's program, and the proof about the code."""
