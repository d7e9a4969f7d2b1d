"""Every kernel family by name: what describes it and what writes it. The one place to register a kernel."""

from dyadic.passes.lower.cuda.kernels.families import (
    attention,
    boundary,
    copy,
    depthwise,
    embedding,
    excite,
    interpolate,
    layer_norm,
    matmul,
    pointwise,
    pool,
    product,
    recurrence,
    ring,
    softmax,
    squeeze,
    transpose,
)
from dyadic.passes.lower.cuda.kernels.families.attention_spec import AttentionSpec
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec
from dyadic.passes.lower.launches.registry import Registry

# family -> (spec dataclass, generator(spec, symbol))
REGISTRY = Registry(
    {
        "attention": (AttentionSpec, attention.generate),
        "avg_pool": (pool.AvgPoolSpec, pool.generate_avg),
        "copy": (copy.CopySpec, copy.generate),
        "depthwise": (depthwise.DepthwiseSpec, depthwise.generate),
        "dequantize": (boundary.DequantizeSpec, boundary.generate_dequantize),
        "embedding": (embedding.EmbeddingSpec, embedding.generate),
        "excite": (excite.ExciteSpec, excite.generate),
        "interpolate": (interpolate.InterpolateSpec, interpolate.generate),
        "layer_norm": (layer_norm.LayerNormSpec, layer_norm.generate),
        "matmul": (matmul.MatmulSpec, matmul.generate),
        "max_pool": (pool.MaxPoolSpec, pool.generate_max),
        "product": (ProductSpec, product.generate),
        "quantize": (boundary.QuantizeSpec, boundary.generate_quantize),
        "pointwise": (pointwise.PointwiseSpec, pointwise.generate),
        "recurrence": (recurrence.RecurrenceSpec, recurrence.generate),
        "ring": (ring.RingSpec, ring.generate),
        "softmax": (softmax.SoftmaxSpec, softmax.generate),
        "squeeze": (squeeze.SqueezeSpec, squeeze.generate),
        "transpose": (transpose.TransposeSpec, transpose.generate),
    }
)
