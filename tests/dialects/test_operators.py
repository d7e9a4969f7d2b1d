"""Every operator is whole: what one lacks is said by its name, and the facts that passes ask hold.

The list of what an operator needs is `lacks_of_float` and `lacks_of_integer` below; docs/adding-an-operator.md goes
through it with a small one.
"""

import ast
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_mlir import ir

from dyadic.compiler.targets.registry import names, target_of
from dyadic.dialects import new_context, qd, qi
from dyadic.dialects.facts import Arithmetic, Range
from dyadic.dialects.reference import main_function
from dyadic.passes.integerize import integerize  # noqa: F401 - it imports what converts
from dyadic.passes.integerize.conversion import converts

ROOT = Path(__file__).resolve().parent.parent.parent
FLOAT = [op for op in qd.QD.operations if issubclass(op, qd.Operator)]
INTEGER = [op for op in qi.QI.operations if issubclass(op, qi.Operator)]


def defines(op: type, method: str) -> bool:
    """Whether the class or one of ours below it has the method; the bindings' own do not count."""
    return any(method in vars(base) for base in op.__mro__ if base.__module__.startswith(("dyadic.", __name__)))


def lacks(op: type[Any], page: str) -> Iterator[str]:
    """What an op of either dialect needs."""
    name = op.OPERATION_NAME
    dialect = name.partition(".")[0]
    if not op.__doc__:
        yield f"{name} does not say what it means: its class needs a docstring"
    if not hasattr({"qd": qd, "qi": qi}[dialect], op.__name__):
        yield f"{name} cannot be imported from dyadic.dialects.{dialect}: its file's `__all__` needs {op.__name__}"
    if not defines(op, "verify_invariants"):
        yield f"{name} has no verifier: its class needs `verify_invariants`, or a base that has one"
    if f'"{name}"' not in (ROOT / "lit_tests" / "dialects" / f"{dialect}-ops.mlir").read_text():
        yield f"{name} is in no round trip: add it to lit_tests/dialects/{dialect}-ops.mlir"
    if f"### `{name}`\n" not in page:
        yield f"{name} is not in docs/dialects.md: run docs/generate.py"


def lacks_of_float(op: type[Any], page: str) -> Iterator[str]:
    """What an op of the float graph needs."""
    yield from lacks(op, page)
    if op is qd.ConstantOp:
        return
    name = op.OPERATION_NAME
    if not defines(op, "evaluate"):
        yield f"{name} has no meaning in float: its class needs `evaluate`"
    if issubclass(op, qd.Function) and not any("exact" in vars(base) for base in op.__mro__ if base is not qd.Function):
        yield f"{name} cannot become a table: its class needs `exact`"
    if issubclass(op, qd.Spelled):
        return  # prepare names what it is a part of, or refuses it
    if converts.of(op) is None:
        yield f"{name} has no integer form: a function in passes/integerize/ must say @converts it"
    if not any(issubclass(op, made.made_from) for made in INTEGER):
        yield f"{name} is the origin of no integer op: one of qi must have it in `made_from`"
    if op.result_range is not Range.OWN and op.takes_clamp:
        yield f"{name} moves numbers and cannot take a clamp: its class needs `takes_clamp = False`"


def lacks_of_integer(op: type[Any], page: str) -> Iterator[str]:
    """What an op of the integer graph needs."""
    yield from lacks(op, page)
    name = op.OPERATION_NAME
    if not defines(op, "evaluate"):
        yield f"{name} has no meaning: its class needs `evaluate`"
    if op.order is None:
        yield f"{name} does not say what it asks of the order of dimensions: its class needs `order`"
    if op.arithmetic is None:
        yield f"{name} does not say what its arithmetic is: its class needs `arithmetic`"
    elif op.arithmetic.computed:
        if not op.made_from:
            yield f"{name} does not say what float op it stands for: its class needs `made_from`"
        for target in names():
            refused = op.arithmetic is Arithmetic.FLOAT and not target_of(target).islands
            if name not in target_of(target).kernels and not refused:
                yield f"{name} has no kernel on the target {target}"


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "dialects.md").read_text()


@pytest.mark.parametrize("op", FLOAT, ids=lambda op: op.OPERATION_NAME)
def test_float_operator(op: type[Any], page: str) -> None:
    assert not list(lacks_of_float(op, page))


@pytest.mark.parametrize("op", INTEGER, ids=lambda op: op.OPERATION_NAME)
def test_integer_operator(op: type[Any], page: str) -> None:
    assert not list(lacks_of_integer(op, page))


def test_an_operator_with_nothing_is_told_everything(page: str) -> None:
    """Each sentence above can be heard."""

    class NothingOp(qd.Operator, name="nothing"):
        pass

    class HollowOp(qd.Function, name="hollow"):
        """A function that moves, and has no value."""

        result_range = Range.INPUT

    class NadaOp(qi.Operator, name="nada"):
        pass

    class NullOp(qi.Operator, name="null"):
        """It computes."""

        arithmetic = qi.AddOp.arithmetic

    for dialect, several in ((qd.QD, (NothingOp, HollowOp)), (qi.QI, (NadaOp, NullOp))):
        for op in several:
            dialect.operations.remove(op)
    nothing, hollow = (" ".join(lacks_of_float(op, page)) for op in (NothingOp, HollowOp))
    nada, null = (" ".join(lacks_of_integer(op, page)) for op in (NadaOp, NullOp))
    for word in (
        "docstring",
        "cannot be imported",
        "no verifier",
        "round trip",
        "not in docs",
        "no meaning in float",
        "no integer form",
    ):
        assert f"qd.nothing {word}" in nothing or word in nothing
    assert "qd.nothing is the origin of no integer op" in nothing
    assert "qd.hollow cannot become a table" in hollow and "qd.hollow moves numbers" in hollow
    assert "qi.nada has no meaning" in nada and "qi.nada does not say what its arithmetic is" in nada
    assert "qi.nada does not say what it asks of the order" in nada
    assert "qi.null has no kernel on the target cpu" in null and "qi.null does not say what float op" in null


def lists_of_ops(tree: ast.Module) -> Iterator[int]:
    """Lines with a tuple, list, set, dict or `isinstance` union that names two ops of a dialect or more.

    Annotations may: a function says what it takes. Marks (`@converts(qd.AddOp, qd.SubOp)`) stand beside what they mark.
    """
    annotations = {
        id(n) for a in ast.walk(tree) if isinstance(a, ast.arg) and a.annotation for n in ast.walk(a.annotation)
    }
    for node in (n for n in ast.walk(tree) if isinstance(n, ast.expr)):
        items: list[Any] = []
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            items = list(node.elts)
        elif isinstance(node, ast.Dict):
            items = [*node.keys, *node.values]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and id(node) not in annotations:
            items = [n for n in ast.walk(node) if isinstance(n, ast.Attribute)]
        if sum(bool(re.fullmatch(r"q[di]\.\w+Op", ast.unparse(item))) for item in items if item is not None) > 1:
            yield node.lineno


def test_nobody_keeps_a_list_of_ops() -> None:
    """What passes must know of ops, the ops say. (A constant is one op in each dialect.)"""
    for bad in (
        "MOVES = (qd.PadOp, qd.SliceOp)",
        "T = {qi.AddOp: add, qi.MulOp: mul}",
        "isinstance(op, qd.AddOp | qd.SubOp)",
    ):
        assert list(lists_of_ops(ast.parse(bad))) == [1]
    for good in (
        "def f(op: qd.AddOp | qd.SubOp): ...",
        "@converts(qd.AddOp, qd.SubOp)\ndef f(): ...",
        "(qd.AddOp, qd.RANGE)",
    ):
        assert not list(lists_of_ops(ast.parse(good)))
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for top in ("compiler", "passes", "dialects", "runtime")
        for path in (ROOT / top).rglob("*.py")
        for line in lists_of_ops(ast.parse(path.read_text()))
        if "made_from" not in (text := path.read_text().splitlines()[line - 1]) and "ConstantOp" not in text
    ]
    assert not found


# --- the facts hold, of every op as it stands in the dialect's lit test


@pytest.fixture(scope="module")
def samples() -> Iterator[dict[str, qd.Operator]]:
    """One op of each kind, by name."""
    lines = (ROOT / "lit_tests" / "dialects" / "qd-ops.mlir").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("//"))
    with new_context():
        module = ir.Module.parse(text.replace("@every_op_survives_a_round_trip", "@main"))
        ops = [op.opview for op in main_function(module).regions[0].blocks[0].operations]
        yield {op.operation.name: op for op in ops if isinstance(op, qd.Operator)}


def inputs_of(op: Any, seed: int) -> list[np.ndarray]:
    """Numbers for every operand, float32."""
    random = np.random.default_rng(seed)
    shapes = [list(ir.RankedTensorType(value.type).shape) for value in op.operation.operands]
    return [random.normal(0, 3, dims).astype(np.float32) for dims in shapes]


def torch_of(op: Any, *inputs: np.ndarray) -> np.ndarray:
    return op.evaluate(torch, *map(torch.from_numpy, inputs)).numpy()


COMPUTED = [op for op in FLOAT if op is not qd.ConstantOp]


@pytest.mark.parametrize("kind", COMPUTED, ids=lambda op: op.OPERATION_NAME)
def test_a_result_has_the_shape_that_the_op_says(kind: type[Any], samples: dict[str, Any]) -> None:
    op = samples[kind.OPERATION_NAME]
    assert list(torch_of(op, *inputs_of(op, 0)).shape) == list(ir.RankedTensorType(op.out.type).shape)


@pytest.mark.parametrize("kind", [op for op in FLOAT if op.folds], ids=lambda op: op.OPERATION_NAME)
def test_what_folds_means_the_same_in_numpy(kind: type[Any], samples: dict[str, Any]) -> None:
    op = samples[kind.OPERATION_NAME]
    inputs = inputs_of(op, 1)
    exact = op.evaluate(np, *(x.astype(np.float64) for x in inputs))
    np.testing.assert_allclose(exact, torch_of(op, *inputs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "kind", [op for op in COMPUTED if op.result_range is not Range.OWN], ids=lambda op: op.__name__
)
def test_what_keeps_a_range_makes_no_other_numbers(kind: type[Any], samples: dict[str, Any]) -> None:
    op = samples[kind.OPERATION_NAME]
    inputs = inputs_of(op, 2)
    known = {float(v) for x in inputs for v in x.flat} | ({op.inserted} if op.inserted is not None else set())
    assert {float(v) for v in torch_of(op, *inputs).flat} <= known


FUNCTIONS = [op for op in FLOAT if issubclass(op, qd.Function)]


@pytest.mark.parametrize("kind", FUNCTIONS, ids=lambda op: op.__name__)
def test_a_function_is_what_its_exact_values_say(kind: type[Any], samples: dict[str, Any]) -> None:
    op = samples[kind.OPERATION_NAME]
    x = np.linspace(-9, 9, 145)
    x = x[[op.defined(Fraction(v)) for v in x]]
    got = op.evaluate(torch, torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, [float(op.exact(Fraction(v))) for v in x], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", FUNCTIONS, ids=lambda op: op.__name__)
def test_beyond_its_useful_inputs_a_function_is_flat(kind: type[Any], samples: dict[str, Any]) -> None:
    """To half a step of 8 bits over what it makes of [-100, 100]."""
    op = samples[kind.OPERATION_NAME]
    low, high = (np.clip(bound, -100, 100) for bound in op.useful_inputs)
    x = np.linspace(-100, 100, 4001)
    every, kept = (op.evaluate(torch, torch.from_numpy(v)).numpy() for v in (x, np.clip(x, low, high)))
    step = (every.max() - every.min()) / 255
    assert np.abs(every - kept).max() <= 0.51 * step


@pytest.mark.parametrize(
    "kind", [op for op in FLOAT if issubclass(op, qd.Elementwise)], ids=lambda op: op.OPERATION_NAME
)
def test_facts_about_functions(kind: type[Any], samples: dict[str, Any]) -> None:
    """Homogeneous, bounded, straight between few corners: each as the values show it."""
    op = samples[kind.OPERATION_NAME]
    x = torch.linspace(-50, 50, 2001, dtype=torch.float64)
    y = op.evaluate(torch, x)
    assert op.homogeneous == bool(torch.allclose(op.evaluate(torch, 4 * x), 4 * y, atol=1e-9))
    far = op.evaluate(torch, 2000 * x)
    assert op.bounded == (float(far.max() - far.min()) < 10)
    bends = (y.diff().diff().abs() > 1e-9).sum()  # a corner between two samples bends twice
    assert op.piecewise_linear == (int(bends) <= 8)
