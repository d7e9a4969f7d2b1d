"""The names and types that `--keep` and `--exclude` take, of a model that nobody has compiled: no data are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch_mlir import ir

from dyadic.compiler.float_network import float_network
from dyadic.compiler.in_python import check_call, keywords_in_errors
from dyadic.compiler.job import Job
from dyadic.compiler.tools import Tools
from dyadic.compiler.widths.decisions import layers_of
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.scheme import Layer
from dyadic.dialects.reference import main_function, make_plan
from dyadic.dialects.tensor_types import is_integer
from dyadic.passes.integerize.quantization import has_range, set_value_range

if TYPE_CHECKING:
    import torch


def layers(
    model: object, *, example_inputs: tuple[torch.Tensor, ...] | None = None, **options: Any
) -> tuple[Layer, ...]:
    """The layers of a model, inputs first, as `keep` and `exclude` of `compile` take them.

    model, example_inputs, options: as for `compile`; `shape` and `constant` decide what is there. A `Layer` has a name,
    its types in `kinds`, and says by `weights` whether it has any.

    Raises:
        ModelError: the model is broken or has something that is not supported.
        UsageError: it is no model.
    """
    with keywords_in_errors():
        check_call("layers", Job, (model,), {"example_inputs": example_inputs, **options})
        return layers_of_job(Job(model, example_inputs=example_inputs, **options))


def layers_of_job(job: Job) -> tuple[Layer, ...]:
    """Of the model that would be compiled."""
    tools = Tools.of(job)
    module = float_network(job, tools)
    with tools.context:
        pretend_ranges(module.operation)
        return tuple(layers_of(Points(module.operation)))


def pretend_ranges(module: ir.Operation) -> None:
    """Any range will do where none is known: what there is does not hang on it."""
    arguments = main_function(module).operation.regions[0].blocks[0].arguments
    for value in (*arguments, *(step.op.out for step in make_plan(module).steps)):
        if not is_integer(value) and not has_range(value):
            set_value_range(value, -1.0, 1.0)


def lines(found: tuple[Layer, ...]) -> list[str]:
    """A line a layer: its name, its types, and what `--keep` may say of it."""
    wide = max((len(one.name) for one in found), default=0)
    kinds = max((len(" ".join(one.kinds)) for one in found), default=0)
    return [
        f"{one.name:{wide}}  {' '.join(one.kinds):{kinds}}  {'w8a8, w4a8, f32' if one.weights else 'a8, a16'}"
        for one in found
    ]
