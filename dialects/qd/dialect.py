"""The dialect `qd` itself, and what every op of it can be asked."""

from collections.abc import Sequence
from typing import Any, cast

from torch_mlir.dialects.ext import Dialect, Pure

from dyadic.dialects.facts import Range, TokensMeet
from dyadic.dialects.tensor_types import shape

__all__ = ["QD", "Operator", "Values", "joins_ranges", "keeps_range", "rows_of_tokens"]

Values = Any  # torch.Tensor, or a NumPy array where the op `folds`


class QD(Dialect, name="qd"):
    """The float graph and the decisions about it."""


class Operator(QD.Operation, traits=[Pure]):
    """The facts about an op; where a class says nothing else, what is here holds.

    A class says more by overriding, or by being of a kind: a `Layer` has weights, a `Function` may become a table, a
    `Move` computes nothing. Its meaning is one method, for any batch:

        evaluate(self, xp, *inputs)

    `xp` is the library that computes: `torch`, with float32 tensors; or `numpy`, with float64 arrays, where the op
    `folds`. The batch is the leading dimension.
    """

    result_range = Range.OWN
    takes_clamp = True  # its result is rounded by itself, so that a clamp behind it costs nothing
    folds = False  # `evaluate` takes NumPy arrays of float64, too: constants are computed at compile time
    bounded = False  # its results lie in a small interval whatever it reads: they are no logits
    piecewise_linear = True  # in each of its operands
    whole = False  # its results are whole numbers, which its steps should stand for exactly
    adds = False  # its result is what it reads, added up
    widest_input = 16  # bits of what its kernels read, at most
    wide_operands = cast("tuple[int, ...]", ())  # those that its kernels read with 16 bits, always
    last_function = ""  # what the boundary calls it, which can compute it behind the integers of x

    @property
    def channel_axis(self) -> int | None:
        """The dimension of x along which its weights differ; None where it has none."""
        return None

    @property
    def homogeneous(self) -> bool:
        """Whether f(s * x) is s * f(x) for every positive s."""
        return False

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        """The dimension of the result that counts tokens, given those of the operands; None where none does.

        Each token of the result may depend on that token of the operands alone. Raises TokensMeet where it does not.
        """
        if any(axis is not None for axis in axes):
            raise TokensMeet
        return None

    @property
    def inserted(self) -> float | None:
        """A number that the result of a move holds besides the input's."""
        return None

    @property
    def implied(self) -> bool:
        """Whether what is known of its input is known of its result: it holds numbers of that, and no others."""
        return self.result_range is Range.INPUT and self.inserted is None


def keeps_range(op: object) -> bool:
    """Whether the result of `op` has its input's range, since it holds the input's numbers."""
    return isinstance(op, Operator) and op.result_range is Range.INPUT


def joins_ranges(op: object) -> bool:
    """Whether all inputs of `op` take its result's range."""
    return isinstance(op, Operator) and op.result_range is Range.JOINED


def rows_of_tokens(axis: int | None, value: Any) -> int | None:
    """The token axis of what computes with rows of `value`, its last dimension, together."""
    if axis == len(shape(value)) - 1:
        raise TokensMeet
    return axis
