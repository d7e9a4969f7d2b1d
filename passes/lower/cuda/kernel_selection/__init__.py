"""How each `qi` op becomes kernel launches: one function an op, marked `@selects`, in a file that is imported here."""
