"""Fourier transforms of a known length: layers with constant cosines and sines.

DFT(x)     -->  linear(x, [cos, -sin])                          along its axis
STFT(x)    -->  conv1d(x, [cos, -sin] * window, stride=step)    one output channel for each part of a frequency
"""

from typing import Any

import numpy as np

from dyadic.passes.building import Array
from dyadic.passes.ingest import families, folded, transformers
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.translation import Folded, Literal, Result, Unsupported, literal

MOST_WEIGHTS = 1 << 24


def waves(read: int, length: int, frequencies: int, *, inverse: bool = False) -> Array:
    """[frequencies, 2, read, 2]: what part (real, imaginary) of each of `read` entries gives what part of the result.

    >>> bool(np.abs(waves(4, 4, 4)[:, 0, :, 0] - np.fft.fft(np.eye(4)).real).max() < 1e-12)
    True
    """
    if frequencies * read > MOST_WEIGHTS:
        raise Unsupported(f"it transforms {read} entries to {frequencies} frequencies, a matrix too large to hold")
    turns = np.outer(np.arange(frequencies), np.arange(read)) % length / length * (2 * np.pi)
    cosine, sine = np.cos(turns), np.sin(turns) * (1 if inverse else -1)
    matrix = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], 1)
    return matrix / length if inverse else matrix


def transform(x: Any, axis: int, length: int | None, *, inverse: bool, onesided: bool) -> Result:
    """[..., n, ..., 1 or 2] to [..., frequencies, ..., 2] along an axis; what is missing of `length` is 0."""
    dims = dims_of(x)
    axis, parts = axis % len(dims), dims[-1]
    if isinstance(x, Literal) or axis == len(dims) - 1 or (axis == 0 and not isinstance(x, Folded)):
        raise Unsupported("it transforms a constant, the batch, or the parts of its numbers")
    if parts not in (1, 2):
        raise Unsupported(f"it reads {dims}, whose last dimension counts the parts of a number, 1 or 2")
    length = dims[axis] if length is None else length
    read, frequencies = min(dims[axis], length), length // 2 + 1 if onesided else length
    if inverse and onesided:
        raise Unsupported("it is the inverse of one side; all frequencies would work")
    if read < dims[axis]:
        x = families.slice_(x, [axis], [0], [read], [1])
    order = [d for d in range(len(dims)) if d not in (axis, len(dims) - 1)] + [axis, len(dims) - 1]
    rows = folded.transpose(x, order)
    kept = [dims[d] for d in order[:-2]]
    matrix = waves(read, length, frequencies, inverse=inverse)[..., :parts].reshape(frequencies * 2, read * parts)
    flat = folded.reshape(rows, [*kept, read * parts])
    made = families.linear(flat, literal(matrix.astype(np.float32)), None)
    back = folded.reshape(made, [*kept, frequencies, 2])
    return folded.transpose(back, [order.index(d) for d in range(len(dims))])


def short_time(x: Any, step: int, window: Array | None, length: int, *, onesided: bool) -> Result:
    """[1, L] or [1, L, 1 or 2] to [1, frames, frequencies, 2]: frames of `length` entries, one every `step`."""
    dims = dims_of(x)
    parts = dims[2] if len(dims) == 3 else 1
    if isinstance(x, Literal) or len(dims) not in (2, 3) or parts not in (1, 2) or dims[1] < length or step < 1:
        raise Unsupported(f"it reads {dims} in frames of {length} every {step}; [1, {length} or more] would work")
    shape = np.ones(length) if window is None else window.reshape(-1).astype(np.float64)
    if len(shape) != length:
        raise Unsupported(f"its window has {len(shape)} entries for frames of {length}")
    frequencies = length // 2 + 1 if onesided else length
    weight = waves(length, length, frequencies)[..., :parts] * shape[:, None]
    signal = folded.reshape(x, [dims[0], dims[1], parts])
    signal = folded.reshape(signal, [dims[0], 1, dims[1]]) if parts == 1 else folded.transpose(signal, [0, 2, 1])
    kernel = weight.transpose(0, 1, 3, 2).reshape(frequencies * 2, parts, length)
    made = transformers.conv1d(signal, literal(kernel.astype(np.float32)), None, step, 0, 1, 1)
    frames = dims_of(made)[2]
    return folded.reshape(folded.transpose(made, [0, 2, 1]), [dims[0], frames, frequencies, 2])
