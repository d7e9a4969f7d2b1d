"""Tensors that lie in files beside the model: initializers, and constants inside nodes, wherever in the file they are.

They are read from the model's own folder and nowhere else: onnx refuses a location that is absolute, that climbs out of
it, or that is a link; the size is held against the tensor's own before anything is read.
"""

import os
from pathlib import Path

import onnx
from onnx import TensorProto, external_data_helper

from dyadic.compiler.importers.onnx_structure import bytes_of, every_tensor
from dyadic.runtime.errors import FileError, ModelError


def load_external_data(model: onnx.ModelProto, folder: Path | None) -> None:
    """Put into the model what lies beside it. `folder` is None where the model did not come from a file.

    Raises ModelError where a tensor cannot be anywhere (no folder, a location outside of it), FileError where the file
    is missing, cannot be read, or does not hold the tensor.
    """
    for tensor, called in every_tensor(model):
        if not external_data_helper.uses_external_data(tensor):
            continue
        expected = bytes_of(tensor, called)
        if tensor.data_type == TensorProto.STRING:
            raise ModelError(f"{called} is a text in a file beside the model; only numbers can be there")
        settings = {entry.key: entry.value for entry in tensor.external_data}
        location = settings.get("location", "")
        if folder is None:
            raise ModelError(f'{called} lies in the file "{location}": give the model by its path')
        path = _inside(folder, location, called)
        _check_size(path, settings, expected, called)
        try:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except OSError as error:
            raise FileError(f'"{path}" cannot be read: {error.strerror or error}; it holds {called}') from None
        except (ValueError, onnx.checker.ValidationError) as error:
            raise FileError(f'"{path}" does not hold {called}: {str(error).splitlines()[0]}') from None
        if len(tensor.raw_data) != expected:
            raise FileError(f'"{path}" holds {len(tensor.raw_data)} bytes for {called}, its sizes need {expected}')
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _inside(folder: Path, location: str, called: str) -> Path:
    """The file, if the location names one in the model's folder or below."""
    if not location or "\0" in location or os.path.isabs(location):
        raise ModelError(f'{called} lies in "{location}"; a file name relative to the model is needed')
    path = folder / location
    base = os.path.realpath(folder)
    if os.path.commonpath([base, os.path.realpath(path)]) != base or ".." in Path(location).parts:
        raise ModelError(f'{called} lies in "{location}", outside the folder of the model; put it beside the model')
    if not path.is_file():
        raise FileError(f'"{path}" is missing; it holds {called} of the model')
    return path


def _check_size(path: Path, settings: dict[str, str], expected: int, called: str) -> None:
    """Before it is read: the part of the file is there and as long as the tensor."""
    try:
        offset, length = int(settings.get("offset", 0) or 0), int(settings.get("length", expected) or expected)
    except ValueError:
        raise ModelError(f"{called} has an offset or a length that is no number") from None
    if offset < 0 or length != expected:
        raise ModelError(f"{called} is said to be {length} bytes long at {offset}; its sizes need {expected}")
    size = path.stat().st_size
    if offset + expected > size:
        raise FileError(f'"{path}" is {size} bytes long and ends before {called} does, at {offset + expected}')
