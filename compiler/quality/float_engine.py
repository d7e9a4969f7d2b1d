"""Runs the user's own float model, for comparison: ONNX Runtime an ONNX file, torch a torch module."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qd
from dyadic.runtime.errors import ModelError

if TYPE_CHECKING:
    import torch

Feeds = dict[str, npt.NDArray[np.float32 | np.int32]]
Outputs = list[npt.NDArray[Any]]

NUMPY: dict[str, type[np.generic]] = {  # of ONNX Runtime's names of types, where they are not float32
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint64)": np.uint64,
    "tensor(uint32)": np.uint32,
    "tensor(uint16)": np.uint16,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


class FloatModelError(ModelError):
    """The user's own float model does not run, so that there is nothing to compare with."""


@dataclass(frozen=True)
class Engine:
    """`run` takes any batch; `bytes` is the size of the model's file or of its parameters."""

    name: str
    run: Callable[[Feeds], Outputs]
    bytes: int
    version: str | None = None


@dataclass(frozen=True)
class Interface:
    """How the model's own arrays differ from those that are compared, of which the first dimension counts samples.

    batch_axes: the dimension of each output that is the batch. fixed: of a model with a fixed batch, by input, if
    the array of one sample has a 1 in front (`qd.fixed`), nothing where the batch is free. given_back: the outputs of
    such a model, by place, that have a 1 in front. constants: inputs that are the same always. normalize: what makes
    an input of the model of the pixels that are compared.
    """

    batch_axes: Sequence[int] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    given_back: Sequence[int] = ()
    constants: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    normalize: Mapping[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = field(default_factory=dict)

    def sets(self, run: Callable[[Feeds], Outputs], feeds: Feeds) -> Outputs:
        """`run` for every sample by itself, with arrays as a model with a fixed batch has them."""
        made: list[Outputs] = []
        for i in range(len(next(iter(feeds.values())))):
            own = {n: value[i : i + 1] if self.fixed.get(n) == qd.FIXED_ONE else value[i] for n, value in feeds.items()}
            made.append([np.asarray(each) for each in run(own)])
        return [
            np.concatenate(parts) if place in self.given_back else np.stack(parts)
            for place, parts in enumerate(zip(*made, strict=True))
        ]


def make_engine(
    model: Any, threads: int, examples: Sequence[torch.Tensor] = (), interface: Interface | None = None
) -> Engine:
    """What would run `model` with so many threads if there were no dyadic.

    examples: inputs of a torch module: integers are of their types, and samples go through in groups as large as they
    where it takes no other.

    Raises:
        FloatModelError: it cannot be loaded; `run` raises it where it cannot be run.
    """
    interface = interface or Interface()
    if interface.normalize:
        made = dict(interface.normalize)
        inner = make_engine(model, threads, examples, replace(interface, normalize={}))
        return replace(
            inner, run=lambda feeds: inner.run({n: made[n](v) if n in made else v for n, v in feeds.items()})
        )
    if isinstance(model, str | os.PathLike):
        return _onnx_engine(os.fspath(model), os.path.getsize(model), threads, interface)
    if isinstance(model, bytes):
        return _onnx_engine(model, len(model), threads, interface)
    if hasattr(model, "SerializeToString"):
        return _onnx_engine(data := model.SerializeToString(), len(data), threads, interface)
    return _torch_engine(model, threads, examples, interface)


def _refused(engine: str, error: Exception) -> FloatModelError:
    said = " ".join(str(error).split())[:300]
    return FloatModelError(f"{engine} cannot run the float model to compare with: {type(error).__name__}: {said}")


def _in_groups(run: Callable[[Feeds], Outputs], size: int, feeds: Feeds) -> Outputs:
    """Of so many samples each, the last group filled up with repetitions."""
    count = len(next(iter(feeds.values())))
    groups = []
    for start in range(0, count, size):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        groups.append(run({name: value[rows] for name, value in feeds.items()}))
    return [np.concatenate(parts)[:count] for parts in zip(*groups, strict=True)]


def batch_first(outputs: Outputs, axes: Sequence[int]) -> Outputs:
    """With the batch as the first dimension of each."""
    if len(axes) != len(outputs):
        return outputs
    return [np.moveaxis(each, axis, 0) if axis else each for each, axis in zip(outputs, axes, strict=True)]


def for_each_image(output: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """An answer that does not depend on the input has one row: it is the same for every image."""
    if count > 1 and output.shape[:1] == (1,):
        return np.broadcast_to(output, (count, *output.shape[1:]))
    return output


def _onnx_engine(model: str | bytes, size: int, threads: int, interface: Interface) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    # its threads would go on spinning on the processors of whoever is timed next
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has classes of its own for every reason
        raise _refused("onnxruntime", error) from error
    inputs = session.get_inputs()
    data = [each for each in inputs if each.name not in interface.constants]
    fixed = next((each.shape[0] for each in data if each.shape and isinstance(each.shape[0], int)), None)

    def answers(feeds: Feeds) -> Outputs:
        """In the types that the file names; an input that nothing reads is zeros."""
        given = {}
        for each in inputs:
            kind = NUMPY.get(each.type, np.float32)
            sizes = [size if isinstance(size, int) else 1 for size in each.shape]
            if each.name in interface.constants:
                constant = interface.constants[each.name]
                given[each.name] = (np.full(sizes, constant) if constant.ndim == 0 else constant).astype(kind)
            else:
                given[each.name] = feeds[each.name].astype(kind) if each.name in feeds else np.zeros(sizes, kind)
        try:
            return [np.asarray(output) for output in session.run(None, given)]
        except Exception as error:  # as above
            raise _refused("onnxruntime", error) from error

    def images(feeds: Feeds) -> Outputs:
        count = len(next(iter(feeds.values())))
        return [for_each_image(output, count) for output in batch_first(answers(feeds), interface.batch_axes)]

    def run(feeds: Feeds) -> Outputs:
        if interface.fixed:
            return interface.sets(answers, feeds)
        return images(feeds) if fixed is None else _in_groups(images, fixed, feeds)

    return Engine("onnxruntime", run, size, onnxruntime.__version__)


def _torch_engine(module: Any, threads: int, examples: Sequence[torch.Tensor], interface: Interface) -> Engine:
    import torch

    example_batch = len(examples[0]) if examples and examples[0].ndim else 1
    integers = [None if each.is_floating_point() else each.dtype for each in examples]

    floats = [each.dtype for each in module.parameters() if each.is_floating_point()]
    kind = max(set(floats), key=floats.count, default=torch.float32)
    size = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())

    def answers(feeds: Feeds) -> Outputs:
        threads_before = torch.get_num_threads()
        training = [each for each in module.modules() if each.training]
        torch.set_num_threads(threads)
        module.eval()
        try:
            with torch.inference_mode():
                # copies, since forward may write into its inputs, in the type that the module computes in
                kinds = [each or kind for each in integers or [None] * len(feeds)]
                given = zip(feeds.values(), kinds, strict=True)
                answer = module(*(torch.tensor(value, dtype=each) for value, each in given))
        finally:
            torch.set_num_threads(threads_before)
            for each in training:
                each.training = True
        if isinstance(answer, dict):
            answer = list(answer.values())
        results = answer if isinstance(answer, tuple | list) else [answer]
        every = [tensor for tensor in results if isinstance(tensor, torch.Tensor)]
        return [(tensor.float() if tensor.is_floating_point() else tensor).numpy() for tensor in every]

    def images(feeds: Feeds) -> Outputs:
        tensors = batch_first(answers(feeds), interface.batch_axes)
        return [for_each_image(tensor, len(next(iter(feeds.values())))) for tensor in tensors]

    def run(feeds: Feeds) -> Outputs:
        try:
            return interface.sets(answers, feeds) if interface.fixed else images(feeds)
        except Exception as whole:  # whatever a user's own module may raise
            try:
                # it may take the batch that it was exported with alone
                return _in_groups(images, example_batch, feeds)
            except Exception:
                raise _refused("torch", whole) from whole

    return Engine("torch", run, size, torch.__version__)
