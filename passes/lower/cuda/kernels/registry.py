"""Every kernel family by name: what describes it and what writes it. The one place to register a kernel."""

from dyadic.passes.lower.cuda.kernels.families import boundary, product, ring
from dyadic.passes.lower.launches.registry import Registry

# family -> (spec dataclass, generator(spec, symbol))
REGISTRY = Registry(
    {
        "product": (product.ProductSpec, product.generate),
        "quantize": (boundary.QuantizeSpec, boundary.generate_quantize),
        "dequantize": (boundary.DequantizeSpec, boundary.generate_dequantize),
        "ring": (ring.RingSpec, ring.generate),
    }
)
