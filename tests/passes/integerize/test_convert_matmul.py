"""Products of two computed tensors are exact up to their one rounding."""

import numpy as np
import pytest
import torch
from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.reference import FloatReference, IntegerReference
from dyadic.passes.integerize.integerize import integerize
from dyadic.passes.integerize.place_widths import place_widths
from dyadic.runtime.errors import ModelError


def network(rows: int, depth: int, columns: int, bits: tuple[int, int, int]) -> ir.Module:
    """[1, 2, rows, depth] times [1, 2, depth, columns]: numbers of [-1, 1.55] and [-0.3, 1]."""
    a, b, out = (f"tensor<1x2x{m}x{n}xf32>" for m, n in ((rows, depth), (depth, columns), (rows, columns)))
    return ir.Module.parse(f"""
    func.func @main(%a: {a} {{qd.bits = {bits[0]} : i64, qd.range = array<f64: -1.0, 1.55>}},
                    %b: {b} {{qd.bits = {bits[1]} : i64, qd.range = array<f64: -0.3, 1.0>}}) -> {out} {{
      %r = "qd.matmul"(%a, %b) {{qd.bits = {bits[2]} : i64, qd.range = array<f64: -9.0, 9.0>}}
        : ({a}, {b}) -> {out} loc("/product")
      return %r : {out}
    }}""")


@pytest.mark.parametrize("bits", [(8, 8, 8), (4, 8, 16), (8, 4, 4), (16, 16, 16)])
def test_integers_mean_what_floats_do(bits: tuple[int, int, int]) -> None:
    random = np.random.default_rng(0)
    with new_context() as context, context, ir.Location.unknown():
        module = network(5, 11, 7, bits)
        place_widths.run(module.operation)  # operands of 16 bits become such of 8
        samples = {"arg0": random.uniform(-1, 1.55, (3, 2, 5, 11)), "arg1": random.uniform(-0.3, 1, (3, 2, 11, 7))}
        samples = {name: x.astype(np.float32) for name, x in samples.items()}
        floats = FloatReference(module)({name: torch.from_numpy(x) for name, x in samples.items()})["out0"].numpy()
        integerize.run(module.operation)
        assert module.operation.verify()
        got = IntegerReference(module)(samples)["out0"]
    step = {4: 18 / 15, 8: 18 / 255, 16: 9 / 32767}[bits[2]]
    inputs = 11 * (2.55 / (15 if bits[0] == 4 else 255) + 1.3 * 1.55 / (15 if bits[1] == 4 else 255)) / 2
    assert np.abs(got - floats).max() <= step / 2 + inputs + 1e-3


def test_sums_that_could_leave_32_bits_are_refused_by_name() -> None:
    with new_context() as context, context, ir.Location.unknown():
        module = network(1, 80_000, 1, (8, 8, 8))
        with pytest.raises(ModelError, match="/product: sums of 80000 products of two computed numbers could leave"):
            integerize.run(module.operation)
