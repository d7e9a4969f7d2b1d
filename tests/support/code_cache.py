"""Machine code that this session, or one before it, has already made."""

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.knobs import cache_folder


def code_cache() -> Cache:
    """For `compile_kernels` and `emit`; the keys hold the compiler's source, so what it gives is never out of date."""
    return Cache(cache_folder())
