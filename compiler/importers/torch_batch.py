"""Whether a torch module answers each image of a batch by itself; if not, it is refused by the name of a layer.

torch.export sees a batch of 1, where x[0:1], x.flatten(0) or a mean over dimension 0 look harmless. So two images go
through the module together, and one of them alone: its answer must be the same. Only where it is not, both ways are
gone once more, function by function, to find the first one where images meet.

A module that fails on two images, as one that joins a parameter of shape [1, ...] to its input, answers one at a time.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from dyadic.runtime.errors import ModelError

TOLERANCE = {torch.float16: 0.02, torch.bfloat16: 0.05}  # of the largest number of an answer; else 0.001
FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, NotImplementedError)
SHAPE_ONLY = {"view", "reshape", "expand", "unflatten", "zeros", "ones", "full", "empty", "new_zeros", "new_ones"}
ADVICE = (
    "images are computed one by one: keep the batch as dimension 0 of everything, as x.flatten(1) does, or export the "
    "module to ONNX, of which models that mix images are compiled for the batch they have"
)


def check_batch(module: torch.nn.Module, examples: tuple[torch.Tensor, ...]) -> list[int]:
    """The dimension of each answer that is the batch, as far as that is known. `examples`: one image of every input.

    Raises ModelError where two images change each other's answers.
    """
    disorder = torch.Generator().manual_seed(0)
    first, second = (tuple(_another(each, disorder) for each in examples) for _ in range(2))
    pair = tuple(torch.cat([a, b]) for a, b in zip(first, second, strict=True))
    try:
        alone = _answers(module, second)
    except FAILURES:
        return []  # it wants images of its own kind
    try:
        together = _answers(module, pair)
    except FAILURES:
        together = None
    if together is not None and len(together) == len(alone):
        axes = [_batch_axis(*pair) for pair in zip(together, alone, strict=True)]
        known = [axis for axis in axes if axis is not None]
        if len(known) == len(axes):
            return known
    if not all(map(_equal, alone, _answers(module, second))):
        return []  # random by itself, which ingest refuses
    where = _first_meeting(_calls(module, second), _calls(module, pair), failed=together is None)
    if where is None and together is None:
        return []
    where = where or type(module).__name__
    raise ModelError(f"{where} mixes the images of a batch: its result for one depends on the others; {ADVICE}")


def _another(example: torch.Tensor, disorder: torch.Generator) -> torch.Tensor:
    """Another image of the same kind: numbers of the same size, in a reproducible disorder."""
    if not example.is_floating_point():
        places = torch.randperm(example.numel(), generator=disorder)
        return example.flatten()[places].reshape(example.shape)
    noise = torch.randn(example.shape, generator=disorder)
    size = float(example.float().abs().mean())
    return (noise * (size if 0 < size < float("inf") else 1.0)).to(example.dtype)


def _answers(module: torch.nn.Module, images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """What the module says; its buffers and the images stay as they are."""
    buffers = {name: each.clone() for name, each in module.named_buffers()}
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        said = torch.func.functional_call(module, buffers, tuple(each.clone() for each in images))
    return [leaf for leaf in tree_leaves(said) if isinstance(leaf, torch.Tensor)]


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Of one shape, and as equal as float arithmetic in another order leaves it."""
    if a.shape != b.shape:
        return False
    x, y = a.double(), b.double()
    finite = y[y.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(x, y, rtol=0, atol=TOLERANCE.get(a.dtype, 1e-3) * largest, equal_nan=True)


def _batch_axis(together: torch.Tensor, alone: torch.Tensor) -> int | None:
    """The dimension along which the second of two answers is that of the second image alone; 0 where no image matters
    to either, None where there is none."""
    for axis in range(together.ndim):
        sizes = list(together.shape[axis : axis + 1]), list(alone.shape[axis : axis + 1])
        if together.ndim == alone.ndim and sizes == ([2], [1]) and _equal(together.narrow(axis, 1, 1), alone):
            return axis
    return 0 if _equal(together, alone) else None


@dataclass(frozen=True)
class _Call:
    """A function that was called on something which depends on the input."""

    name: str
    function: str
    result: torch.Tensor
    numbers: list[int | float]  # among its arguments

    def __str__(self) -> str:
        return f'"{self.name}"' + (f" ({self.function})" if self.name != self.function else "")


def _first_meeting(alone: list[_Call], together: list[_Call], failed: bool) -> str | None:
    """The first function that does not compute the second image as if it were alone; else the first whose result has no
    batch in front, that reads other numbers, or that is called by the size of the batch."""
    pairs = [(a, b) for a, b in zip(alone, together, strict=False) if a.function == b.function]
    for a, b in pairs:
        if not _apart(b.result, a.result):
            return str(a)
    for a, b in pairs:
        if list(b.result.shape) != [2, *a.result.shape[1:]]:
            return str(a)
    for a, b in pairs:
        if a.function not in SHAPE_ONLY and a.numbers != b.numbers and not failed:
            return str(a)
    longest = max(alone, together, key=len)
    return str(longest[len(pairs)]) if len(longest) > len(pairs) and not failed else None


def _apart(together: torch.Tensor, alone: torch.Tensor) -> bool:
    """Whether the second half of one, along some dimension, is the other; or no image matters to either."""
    if together.ndim == alone.ndim:
        for axis, size in enumerate(alone.shape):
            if together.shape[axis] == 2 * size and _equal(together.narrow(axis, size, size), alone):
                return True
    return _equal(together, alone)


def _calls(module: torch.nn.Module, images: Sequence[torch.Tensor]) -> list[_Call]:
    """Every function that is called on the way from these images, up to where one fails."""
    buffers = {name: each.clone() for name, each in module.named_buffers()}
    given = tuple(each.clone() for each in images)
    recorder = _Recorder(given)
    hooks = [hook for path, each in module.named_modules() for hook in recorder.watch(path, each)]
    try:
        with torch.no_grad(), warnings.catch_warnings(action="ignore"), recorder:
            torch.func.functional_call(module, buffers, given)
    except FAILURES:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return recorder.calls


class _Recorder(TorchFunctionMode):
    """Notes functions of torch as the user's code calls them, not what they call themselves."""

    def __init__(self, inputs: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        self._live = {id(each): each for each in inputs}  # kept, so that nobody else gets their ids
        self._open: list[tuple[str, torch.nn.Module]] = []

    def watch(self, path: str, module: torch.nn.Module) -> list[Any]:
        def enter(*_: object) -> None:
            self._open.append((path, module))

        def leave(*_: object) -> None:
            self._open.pop()

        return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        leaves = tree_leaves((args, kwargs))
        made = [each for each in tree_leaves(result) if isinstance(each, torch.Tensor)]
        if made and any(id(each) in self._live for each in leaves):
            self._live.update((id(each), each) for each in made)
            function = getattr(func, "__name__", str(func))
            if function == "__get__":  # of a property, as x.T
                function = getattr(func.__self__, "__name__", function)
            numbers = [each for each in leaves if isinstance(each, int | float)]
            self.calls.append(_Call(self._name(function), function, made[0].detach().clone(), numbers))
        return result

    def _name(self, function: str) -> str:
        path, module = self._open[-1] if self._open else ("", None)
        if path and type(module).__module__.startswith("torch.nn.modules."):
            return path
        return f"{path}.{function}" if path else function
