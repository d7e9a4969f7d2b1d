"""What a model computes from an input that says which tokens are valid, seen by evaluating it on masks.

Exporters write masks in dozens of ways: `(1 - m) * -10000`, `Where(m, 0, -inf)`, chains of comparisons, Expand and And.
None of them is recognized by its spelling. Both importers find the part of the graph between such an input and the rest
of the network, run it on masks of 0 and 1, and ask here what it is: the numbers say it.

    additive   0 where valid, very negative elsewhere: what is added to the scores of attention
    boolean    true where valid               inverted   true (or 1) where not
    factor     1 where valid, 0 elsewhere: what hidden states are multiplied with before they are summed
    count      how many are valid
    biased     as additive, with a constant added where valid: relative positions

A mask of pairs of tokens (DeBERTa) is that of the second ones: what tokens see that are not valid is of no use.
A mask may also leave out what no input does (causal attention); that part is a constant. Positions that are counted
from token ids are one, too, as long as padding comes last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.arguments import RESULTS, set_argument_attribute

Array = npt.NDArray[Any]

VERY_NEGATIVE = -1000.0  # exp of it is 0
LEFT_OUT = -10_000.0  # in a constant, where nothing is valid whatever the input says
RANDOM_MASKS = 6
ORDINARY = range(10, 50)  # token ids; those below may be padding


class Found(NamedTuple):
    """What was found of the inputs: the float ones that are masks, and of token ids that positions are counted from the
    one that is padding."""

    masks: list[str]
    padding: dict[str, int]


@dataclass(frozen=True)
class Meaning:
    """What an expression of a mask is.

    axis: the dimension that counts tokens, None of a count. others: [..., tokens] of zeros and ones where more is left
    out, whatever the input says; of a bias, its numbers; of a constant that is one for ordinary inputs only, itself.
    """

    kind: str
    axis: int | None = None
    others: Array | None = None


def masks(length: int) -> list[Array]:
    """[1, length] of zeros and ones, the first all ones, none all zeros: beginnings, ends, and in disorder."""
    random = np.random.default_rng(0)
    lengths = sorted({1, length // 2, length - 1} - {0, length})
    found = [np.ones(length), *((np.arange(length) < n) * 1.0 for n in lengths)]
    found += [(np.arange(length) >= length - n) * 1.0 for n in lengths]
    found += [(random.random(length) < 0.5) * 1.0 for _ in range(RANDOM_MASKS)]
    return [each[None].astype(np.int64) for each in found if each.any()]


def meaning_of(evaluate: Callable[[Array], Array], length: int) -> Meaning | None:
    """What `evaluate`, a function of a mask [1, length], is; None where it is nothing of what is known here."""
    given = masks(length)
    made = [np.asarray(evaluate(mask)) for mask in given]
    if any(each.shape != made[0].shape for each in made):
        return None
    if all(_equal(each, made[0]) for each in made):
        return Meaning("constant")
    valid = [mask[0] != 0 for mask in given]
    for axis in reversed(range(1, made[0].ndim)):
        if made[0].shape[axis] == length:
            rows = [np.moveaxis(each, axis, -1).reshape(-1, length) for each in made]
            if (kind := _kind(rows, valid)) is not None:
                return Meaning(kind, axis)
    if made[0].shape[-2:] == (length, length) and (kind := _kind_for_valid(made, valid)) is not None:
        return Meaning(kind, made[0].ndim - 1)
    if made[0].shape[-1] == length and made[0].ndim > 1 and (found := _with_others(made, valid)) is not None:
        return found
    if all(_equal(each, np.full_like(each, count.sum())) for each, count in zip(made, valid, strict=True)):
        return Meaning("count")
    return None


def _equal(a: Array, b: Array) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _kind(rows: list[Array], valid: list[npt.NDArray[np.bool_]]) -> str | None:
    """The name of what has one value where valid and one elsewhere, in all rows."""
    ones = np.unique(np.concatenate([each[:, mask].ravel() for each, mask in zip(rows, valid, strict=True)]))
    zeros = np.unique(np.concatenate([each[:, ~mask].ravel() for each, mask in zip(rows, valid, strict=True)]))
    if len(ones) != 1 or not len(zeros):
        return None
    if ones.dtype.kind != "b" and ones[0] == 0 and (zeros <= VERY_NEGATIVE).all():
        return "additive"
    if len(zeros) != 1:
        return None
    if ones.dtype.kind == "b":
        return "boolean" if ones[0] else "inverted"
    return {(1.0, 0.0): "factor", (0.0, 1.0): "inverted"}.get((float(ones[0]), float(zeros[0])))


def _kind_for_valid(made: list[Array], valid: list[npt.NDArray[np.bool_]]) -> str | None:
    """The name of a mask of pairs, by the rows of valid tokens: what others see is of no use to anyone."""
    length = len(valid[0])
    rows = [
        each.reshape(-1, length, length)[:, mask].reshape(-1, length) for each, mask in zip(made, valid, strict=True)
    ]
    return _kind(rows, valid)


def _with_others(made: list[Array], valid: list[npt.NDArray[np.bool_]]) -> Meaning | None:
    """Additive, biased or boolean, of what is valid by the input and by a constant; rows without anything valid may be
    anything."""
    is_bool = made[0].dtype.kind == "b"
    others = made[0] if is_bool else made[0] > VERY_NEGATIVE
    if not others.any(-1).all():
        return None
    for each, mask in zip(made, valid, strict=True):
        wanted = others & mask
        right = each == wanted if is_bool else np.where(wanted, each == made[0], each <= VERY_NEGATIVE)
        if not (right.all(-1) | ~wanted.any(-1)).all():
            return None
    axis = made[0].ndim - 1
    if is_bool or not made[0][others].any():
        return Meaning("boolean" if is_bool else "additive", axis, others)
    return Meaning("biased", axis, np.where(others, made[0], LEFT_OUT))


def is_same(evaluate: Callable[[Array], Array], length: int, most: int) -> bool:
    """Whether a function of whole numbers [1, length] below `most` gives them back, whatever their shape and type."""
    random = np.random.default_rng(0)
    given = [random.integers(0, most, (1, length)) for _ in range(3)]
    return all(np.array_equal(np.asarray(evaluate(each)).ravel(), each.ravel()) for each in given)


def places(evaluate: Callable[[Array], Array], length: int) -> Array | None:
    """What a function of token ids [1, length] is wherever padding comes last, None where that depends on the ids.

    RoBERTa and its like number the tokens that are no padding. What stands at padding is a number of another place: no
    token sees it, since the mask of valid tokens leaves it out.
    """
    random = np.random.default_rng(0)
    given = [random.integers(ORDINARY.start, ORDINARY.stop, (1, length)) for _ in range(3)]
    constant, *others = (np.asarray(evaluate(each)) for each in given)
    if constant.size != length or not all(np.array_equal(each, constant) for each in others):
        return None
    for padding in range(ORDINARY.start):
        for n in {1, length // 2, length - 1}:
            made = np.asarray(evaluate(np.where(np.arange(length) < n, given[0], padding)))
            if not np.array_equal(made.ravel()[:n], constant.ravel()[:n]):
                return None
    return constant


def padding_of(evaluate: Callable[[Array], Array], length: int) -> int | None:
    """The id of padding: that which moves the places of all tokens behind it. None where none does."""
    ids = np.full((1, length), ORDINARY.start)
    wanted = np.asarray(evaluate(ids)).ravel()[1:]
    for padding in range(ORDINARY.start):
        made = np.asarray(evaluate(np.where(np.arange(length) < 1, padding, ids))).ravel()[1:]
        if not np.array_equal(made, wanted):
            return padding
    return None


def say_of_argument(function: Any, index: int, name: str, found: Found) -> None:
    """Write what was found of an input beside the function's argument."""
    if name in found.masks:
        set_argument_attribute(function, index, qd.DTYPE, ir.StringAttr.get("float32"))
    if name in found.padding:
        i64 = ir.IntegerType.get_signless(64)
        set_argument_attribute(function, index, qd.PADDING, ir.IntegerAttr.get(i64, found.padding[name]))


def say_of_result(function: Any, index: int, batch_axis: int) -> None:
    """Write beside a result which of its dimensions is the batch, where that is not the first."""
    if batch_axis:
        i64 = ir.IntegerType.get_signless(64)
        set_argument_attribute(function, index, qd.BATCH_AXIS, ir.IntegerAttr.get(i64, batch_axis), RESULTS)


def say_fixed(function: Any, index: int, fixed: str, of: str) -> None:
    """Write beside an argument or a result how the user's array differs from it, where the batch is fixed."""
    if fixed:
        set_argument_attribute(function, index, qd.FIXED, ir.StringAttr.get(fixed), of)
