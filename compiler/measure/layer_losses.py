"""Both references side by side, batch by batch: what every integer op loses of float's tensors.

Of each op only energies are kept. A float tensor is held until its integer counterpart has been seen and read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import quant

from dyadic.compiler.measure.histograms import Histograms
from dyadic.compiler.measure.layer_matching import EVERYWHERE, match, node_names, passed_on
from dyadic.dialects import qi
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.reference import FloatReference, IntegerReference, Step
from dyadic.dialects.tensor_types import shape

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]

ACTIVATION_BYTES = 128 << 20  # all float tensors of the samples that go through together
LARGEST_BATCH = 64
NOTHING_LOST_DB = 200.0


class Energies:
    """Two tensors in float64, summed up over any number of batches."""

    def __init__(self) -> None:
        self.batches = 0
        self.signal = self.noise = self.product = 0.0

    def add(self, expected: Array, seen: Array, useful: tuple[float, float] = EVERYWHERE) -> None:
        """`useful`: bounds beyond which numbers count as equal."""
        e, s = (np.asarray(x, np.float64).reshape(-1) for x in (expected, seen))
        if useful != EVERYWHERE:
            e, s = np.clip(e, *useful), np.clip(s, *useful)
        noise = e - s
        self.batches += 1
        self.signal += float(e @ e)
        self.noise += float(noise @ noise)
        self.product += float(e @ s)

    @property
    def sqnr_db(self) -> float | None:
        """Signal to noise; None where nothing was compared."""
        if not self.batches:
            return None
        if self.noise == 0 or self.signal == 0:
            return NOTHING_LOST_DB if self.noise == 0 else -NOTHING_LOST_DB
        return round(10 * math.log10(self.signal / self.noise), 3)

    @property
    def cosine(self) -> float | None:
        if not self.batches:
            return None
        seen = max(0.0, self.noise - self.signal + 2 * self.product)  # |e - s|^2 = |e|^2 - 2es + |s|^2
        norms = math.sqrt(self.signal) * math.sqrt(seen)
        return round(self.product / norms, 7) if norms else float(self.noise == 0)


class Losses:
    """`outputs = losses(batch)` runs both references on a batch; `alone` and `accumulated` are by slot of `integer`.

    histograms: see the integers' own tensors and float's, where they are given.
    """

    def __init__(
        self, floating: FloatReference, integer: IntegerReference, histograms: Histograms | None = None
    ) -> None:
        self.histograms = histograms
        self.floating, self.integer = floating, integer
        self.counterparts = match(floating.plan, integer.plan)
        self.steps = [step for step in integer.plan.steps if not qi.is_result(step.op)]
        self.alone = {step.output: Energies() for step in self.steps}
        self.accumulated = {step.output: Energies() for step in self.steps}
        self._known = {name for step in floating.plan.steps for name in node_names(step.op)}
        self._wanted = {one.slot for one in self.counterparts.values()}
        self._float_slots = {step.name: step.output for step in floating.plan.steps}
        self._by_name = {step.name: step for step in self.steps}
        self._constants = {
            slot: real(integer.constants[slot], op.out)
            for slot, op in integer.plan.constants.items()
            if isinstance(element(op.out), quant.UniformQuantizedType)
        }
        numbers = sum(math.prod(shape(step.op.out)) for step in floating.plan.steps)
        self.rows = min(LARGEST_BATCH, max(1, ACTIVATION_BYTES // (4 * max(1, numbers))))  # of a batch

    @property
    def matched_layers(self) -> bool:
        """Whether anything but the network's inputs has a float tensor."""
        return any(step.output in self.counterparts for step in self.steps if not isinstance(step.op, qi.InputOp))

    @np.errstate(all="ignore")  # float's tensors may hold infinity, as masks do
    def __call__(self, batch: Mapping[str, Array]) -> dict[str, Array]:
        """The integer network's outputs; the energies grow."""
        import torch

        floats: dict[int, Array] = {}

        def keep(op: Any, name: str, value: torch.Tensor) -> None:
            slot = self.floating.plan.arguments[name] if op is None else self._float_slots[name]
            if slot in self._wanted:
                floats[slot] = value.numpy()

        self.floating({name: torch.from_numpy(value) for name, value in batch.items()}, keep)
        # By slot of the integer plan: float's tensor, and that tensor in the slot's own steps.
        expected, rounded = dict(self._constants), dict(self.integer.constants)

        def look(op: Any, name: str, value: Array) -> None:
            if op is None:
                rounded[self.integer.plan.arguments[name]] = value
            elif name in self._by_name:
                self._look(self._by_name[name], value, floats, expected, rounded)

        return self.integer(batch, look)

    def _look(
        self, step: Step, value: Array, floats: dict[int, Array], expected: dict[int, Array], rounded: dict[int, Array]
    ) -> None:
        """One integer tensor of a batch."""
        counterpart = self.counterparts.get(step.output)
        if counterpart is not None:
            wanted = np.ascontiguousarray(counterpart.arrange(floats.pop(counterpart.slot)))
        else:
            wanted = passed_on(step.op, [expected.get(slot) for slot in step.inputs], self._known)
        if wanted is not None:
            useful = EVERYWHERE if counterpart is None else counterpart.useful
            self.accumulated[step.output].add(wanted, real(value, step.op.out), useful)
            if self.histograms is not None and step.op.arithmetic is not Arithmetic.MOVE:
                self.histograms.add(step.output, wanted, value, step.op.out)
            if step.op.arithmetic is not Arithmetic.MOVE and all(slot in rounded for slot in step.inputs):
                own = step.op.evaluate(*[rounded[slot] for slot in step.inputs])
                self.alone[step.output].add(wanted, real(own, step.op.out), useful)
            expected[step.output], rounded[step.output] = wanted, steps(wanted, step.op.out)
        for slot in step.dead:
            expected.pop(slot, None)
            rounded.pop(slot, None)


def element(value: ir.Value) -> Any:
    """The element type of a tensor; a quantized one says width, sign, scale and zero point."""
    return ir.RankedTensorType(value.type).element_type


def bits(value: ir.Value) -> int:
    """The width that a quantized tensor's range takes, whatever its container's: u8<0:15> has 4 bits."""
    kind = element(value)
    return (kind.storage_type_max - kind.storage_type_min).bit_length()


def real(integers: Array, value: ir.Value) -> npt.NDArray[np.float64]:
    """What the integers of a tensor stand for."""
    kind = element(value)
    return (integers.astype(np.float64) - kind.zero_point) * kind.scale


def steps(values: Array, value: ir.Value) -> Array:
    """The nearest integers of a tensor's type."""
    kind = element(value)
    nearest = np.rint(values.astype(np.float64) / kind.scale) + kind.zero_point
    container = "i" if kind.is_signed else "u"
    width = max(1, kind.storage_type_integral_width // 8)
    return np.clip(nearest, kind.storage_type_min, kind.storage_type_max).astype(f"{container}{width}")
