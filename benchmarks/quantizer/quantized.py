"""A network as ONNX Runtime's own quantizer writes it, in each of the ways that it offers."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


@dataclass(frozen=True)
class Way:
    """form: QDQ or QOperator. signed: activations are s8, not u8; weights always are. each: a scale an output channel.
    reduced: weights of 7 bits."""

    form: str
    signed: bool
    each: bool
    reduced: bool

    def __str__(self) -> str:
        said = [self.form, "s8" if self.signed else "u8", "channel" if self.each else "tensor"]
        return " ".join([*said, *(["7-bit"] if self.reduced else [])])


WAYS = tuple(Way(*one) for one in product(("QDQ", "QOperator"), (False, True), (True, False), (False, True)))


class Samples(CalibrationDataReader):
    """One at a time."""

    def __init__(self, name: str, values: npt.NDArray[Any]) -> None:
        self.left: Iterator[Any] = iter([{name: one[None]} for one in values])

    def get_next(self) -> Any:
        return next(self.left, None)


def quantize(model: onnx.ModelProto, way: Way, values: npt.NDArray[np.float32], folder: Path) -> Path:
    """The file, as `quantize_static` makes it after `quant_pre_process`, min-max over the samples."""
    logging.disable(logging.WARNING)
    source, prepared = folder / "float.onnx", folder / "prepared.onnx"
    onnx.save(model, source)
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    path = folder / f"{str(way).replace(' ', '_')}.onnx"
    quantize_static(
        str(prepared),
        str(path),
        Samples(model.graph.input[0].name, values),
        quant_format=QuantFormat[way.form],
        activation_type=QuantType.QInt8 if way.signed else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=way.each,
        reduce_range=way.reduced,
    )
    return path
