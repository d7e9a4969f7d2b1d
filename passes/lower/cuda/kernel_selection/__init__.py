"""How each `qi` op becomes kernel launches: one function an op, marked `@selects`, in a file that is imported here."""

from dyadic.passes.lower.cuda.kernel_selection import (  # noqa: F401 - they register how each op is computed
    pool,
)
