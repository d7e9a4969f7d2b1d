"""What an artifact claims of its integers, proved again from the file alone.

The `qi` module is what the program means; its weights are read from where the kernels read them. So here every claim is
held against them: that each operator keeps its law, that nothing but integers is computed, that no partial sum leaves
the interval that is on record, and that the certificate says what follows from that.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.compiler.targets.certificate import accumulators, islands_of
from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import activation
from dyadic.passes.integerize.conversion import activation_of
from dyadic.passes.integerize.products import accumulators as intervals_of
from dyadic.passes.integerize.verify_integer import find_offenders
from dyadic.passes.rewriting import Pass, defining, layer_name
from dyadic.runtime.errors import ArtifactError, DyadicError


def reprove(module: ir.Module, recorded: Mapping[str, Any], path: str) -> str:
    """One sentence of what was proved; `recorded` is the certificate as the file has it.

    Raises:
        ArtifactError: something that the file says does not follow from what it holds.
    """
    try:
        module.operation.verify()
    except ir.MLIRError as error:
        said = next(iter(error.error_diagnostics), error)
        raise ArtifactError(f"'{path}' breaks a law of its operators: {getattr(said, 'message', said)}") from None
    if offenders := [one for block in function_bodies(module) for one in find_offenders(block)]:
        raise ArtifactError(f"'{path}' is not integer-only: {'; '.join(offenders)}")
    count = 0
    for block in function_bodies(module):
        for op in block.operations:
            for wrong in broken_claims(op.opview):
                raise ArtifactError(f"'{path}': {wrong}")
            count += "acc" in op.operation.attributes
    intervals, ops = accumulators(module)
    facts = {
        "accumulators": {name: [*bounds] for name, bounds in intervals.items()},
        "integer_ops": ops,
        "islands": [*islands_of(module)],
    }
    for name, value in facts.items():
        if recorded.get(name) != value:
            raise ArtifactError(
                f"'{path}' has a certificate whose {name.replace('_', ' ')} are not those of its network"
            )
    return f"{count} accumulators of {ops} operators stay in the intervals on record, with the weights that are packed"


def lowered_again(module: ir.Module, passes: Iterable[Pass], path: str) -> ir.Operation:
    """A copy of the `qi` module of a file, as a target's passes lower it.

    Raises:
        ArtifactError: they refuse it.
    """
    lowered = module.operation.clone()
    try:
        for one in passes:
            one.run(lowered)
    except (DyadicError, ir.MLIRError) as error:
        raise ArtifactError(f"'{path}' has an integer module that cannot be lowered: {error}") from None
    return lowered


def broken_claims(op: Any) -> Iterator[str]:
    """What an operator with weights says of its sums, and what they are."""
    if not isinstance(op, qi.Layer) or "acc" not in op.operation.attributes:
        return
    weight, bias, x = (getattr(op, name, None) for name in ("weight", "bias", "x"))
    constants = [defining(value) for value in (weight, bias)] if weight is not None and bias is not None else []
    kind = activation_of(x) if x is not None and activation(x) is not None else None
    if kind is None or not constants or not all(isinstance(one, qi.ConstantOp) for one in constants):
        return
    q, steps = (np.array(one.value, copy=False).astype(np.int64) for one in constants)
    if steps.ndim != 1 or len(q) != len(steps):
        return  # recurrent layers have rows of their own
    low, high = intervals_of(q.reshape(len(q), -1), steps, kind, acc_shift(op))
    claimed = ints(op.acc)
    if low.min() < claimed[0] or high.max() > claimed[1]:
        yield (
            f'the sums of "{layer_name(op)}" lie in {claimed} by its claim, and can reach '
            f"[{int(low.min())}, {int(high.max())}] with the weights that are packed"
        )
