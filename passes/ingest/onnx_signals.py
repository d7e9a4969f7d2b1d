"""ONNX's Fourier transforms, and images sampled at constant places."""

import numpy as np

from dyadic.passes.ingest import sampling, spectra
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.onnx_node import attribute, onnx, opset, yes
from dyadic.passes.ingest.translation import Node, Result, Unsupported

AXIS_IS_AN_INPUT = 20  # of DFT, from this opset on


@onnx("DFT")
def fourier_transform(node: Node) -> Result:
    """The axis is an attribute up to opset 19 and an input from 20 on."""
    axis = attribute(node, "axis", 1) if opset(node) < AXIS_IS_AN_INPUT else -2
    if node.argument(2) is not None:
        axis = int(node.number(2, "axis"))
    length = None if node.argument(1) is None else int(node.number(1, "length"))
    inverse, onesided = (yes(node, name) for name in ("inverse", "onesided"))
    return spectra.transform(node.argument(0), axis, length, inverse=inverse, onesided=onesided)


@onnx("STFT")
def short_time_fourier_transform(node: Node) -> Result:
    window = None if node.argument(2) is None else node.array(2, "window")
    length = None if node.argument(3) is None else int(node.number(3, "length"))
    if length is None:
        length = dims_of(node.argument(0))[1] if window is None else int(window.size)
    step, onesided = int(node.number(1, "step")), yes(node, "onesided", True)
    return spectra.short_time(node.argument(0), step, window, length, onesided=onesided)


@onnx("GridSample")
def grid_sample(node: Node) -> Result:
    mode = attribute(node, "mode", "linear").removeprefix("bi")
    grid = node.array(1, "grid")
    if grid.ndim != 4 or grid.shape[0] != 1 or len(dims_of(node.argument(0))) != 4:
        raise Unsupported(f"its grid is {list(grid.shape)}; [1, rows, columns, 2], the same for all images, would work")
    padding, corners = attribute(node, "padding_mode", "zeros"), yes(node, "align_corners")
    return sampling.sampled(node.argument(0), np.asarray(grid[0], np.float64), mode, padding, corners)
