"""Every kernel family by name: what describes it and what writes it. The one place to register a kernel."""

from dyadic.passes.lower.cpu.kernels.families import (
    attention,
    conv,
    copy,
    depthwise,
    depthwise_code,
    divide,
    elementwise,
    elementwise_wide,
    embedding,
    extreme,
    float_conv,
    halo,
    interpolate,
    layer_norm,
    matmul,
    piecewise_linear,
    pool,
    recurrence,
    softmax,
    table,
    take,
)
from dyadic.passes.lower.launches.registry import Registry

# family -> (spec dataclass, generator(spec, level, symbol))
REGISTRY = Registry(
    {
        "conv": (conv.ConvSpec, conv.generate),
        "depthwise": (depthwise.DepthwiseSpec, depthwise_code.generate),
        "float_conv": (float_conv.FloatConvSpec, float_conv.generate),
        "max_pool": (pool.MaxPoolSpec, pool.generate_max),
        "avg_pool": (pool.AvgPoolSpec, pool.generate_avg),
        "add": (elementwise.AddSpec, elementwise.generate_add),
        "mul": (elementwise.MulSpec, elementwise.generate_mul),
        "wide": (elementwise_wide.WideSpec, elementwise_wide.generate),
        "divide": (divide.DivideSpec, divide.generate),
        "extreme": (extreme.ExtremeSpec, extreme.generate),
        "embedding": (embedding.EmbeddingSpec, embedding.generate),
        "piecewise_linear": (piecewise_linear.PiecewiseLinearSpec, piecewise_linear.generate),
        "table": (table.TableSpec, table.generate),
        "copy": (copy.CopySpec, copy.generate_copy),
        "take": (take.TakeSpec, take.generate),
        "interpolate": (interpolate.InterpolateSpec, interpolate.generate),
        "fill": (copy.FillSpec, copy.generate_fill),
        "halo": (halo.HaloSpec, halo.generate),
        "layer_norm": (layer_norm.LayerNormSpec, layer_norm.generate),
        "softmax": (softmax.SoftmaxSpec, softmax.generate),
        "matmul": (matmul.MatmulSpec, matmul.generate),
        "recurrence": (recurrence.RecurrenceSpec, recurrence.generate),
        "attention": (attention.AttentionSpec, attention.generate),
    }
)
FAMILIES = REGISTRY.families
family_of, symbol_of, generate = REGISTRY.family_of, REGISTRY.symbol_of, REGISTRY.generate
to_attribute, from_attribute, from_json = REGISTRY.to_attribute, REGISTRY.from_attribute, REGISTRY.from_json
