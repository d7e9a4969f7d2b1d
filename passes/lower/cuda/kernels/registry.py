"""Every kernel family by name: what describes it and what writes it. The one place to register a kernel."""

from dyadic.passes.lower.cuda.kernels.families import product, ring
from dyadic.passes.lower.launches.registry import Registry

# family -> (spec dataclass, generator(spec, symbol))
REGISTRY = Registry(
    {
        "product": (product.ProductSpec, product.generate),
        "ring": (ring.RingSpec, ring.generate),
    }
)
