"""Every kernel family by name: what describes it and what writes it. The one place to register a kernel."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from torch_mlir import ir

from dyadic.passes.lower.cpu.kernels.families import (
    attention,
    conv,
    copy,
    depthwise,
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
from dyadic.passes.lower.cpu.kernels.vocabulary.units import Strided

# family -> (spec dataclass, generator(spec, level, symbol))
FAMILIES: dict[str, tuple[type, Callable[[Any, str, str], None]]] = {
    "conv": (conv.ConvSpec, conv.generate),
    "depthwise": (depthwise.DepthwiseSpec, depthwise.generate),
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


def family_of(spec: Any) -> str:
    """The name under which a spec's kind is registered."""
    return next(name for name, (kind, _) in FAMILIES.items() if type(spec) is kind)


def symbol_of(spec: Any) -> str:
    """A name that equal specs share."""
    family = family_of(spec)
    digest = hashlib.sha256(json.dumps(asdict(spec), sort_keys=True).encode()).hexdigest()
    return f"{family}_{digest[:12]}"


def to_attribute(spec: Any) -> ir.DictAttr:
    """The spec as IR: `{family = "conv", rows = 56 : i64, ...}`."""
    return ir.DictAttr.get({"family": ir.StringAttr.get(family_of(spec)), **_entries(spec)})


def _entries(spec: Any) -> dict[str, ir.Attribute]:
    i64 = ir.IntegerType.get_signless(64)
    entries: dict[str, ir.Attribute] = {}
    for each in fields(spec):
        key, value = each.name, getattr(spec, each.name)
        if isinstance(value, bool):
            entries[key] = ir.BoolAttr.get(value)
        elif isinstance(value, int):
            entries[key] = ir.IntegerAttr.get(i64, value)
        elif isinstance(value, str):
            entries[key] = ir.StringAttr.get(value)
        elif is_dataclass(value):
            entries[key] = ir.DictAttr.get(_entries(value))
        elif value:
            entries[key] = ir.DenseI64ArrayAttr.get(list(value))
    return entries


def from_attribute(attribute: ir.DictAttr) -> Any:
    """The spec that `to_attribute` wrote."""
    values = _values(attribute)
    return FAMILIES[values.pop("family")][0](**values)


def _values(attribute: ir.DictAttr) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for entry in attribute:
        value = entry.attr
        if isinstance(value, ir.DictAttr):  # the one kind of structure inside of specs
            values[entry.name] = Strided(**_values(value))
        else:
            values[entry.name] = tuple(value) if isinstance(value, ir.DenseI64ArrayAttr) else value.value
    return values


def from_json(family: str, entries: Mapping[str, Any]) -> Any:
    """The spec whose `dataclasses.asdict` went through JSON."""
    values: dict[str, Any] = {}
    for key, value in entries.items():
        if isinstance(value, dict):
            values[key] = Strided(**{**value, "outer": tuple(value["outer"])})
        else:
            values[key] = tuple(value) if isinstance(value, list) else value
    return FAMILIES[family][0](**values)


def generate(spec: Any, level: str, symbol: str) -> None:
    """Write the kernel for `spec` and ISA level `level` as `func.func @symbol` at the current insertion point."""
    FAMILIES[family_of(spec)][1](spec, level, symbol)
