"""ONNX's operators that change the size of images: resizing, blocks, transposed convolutions."""

import numpy as np

from dyadic.passes.ingest import blocks, resizing
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.onnx_node import attribute, onnx, opset, yes
from dyadic.passes.ingest.resizing import Axis
from dyadic.passes.ingest.translation import Literal, Node, Result, Unsupported


@onnx("Upsample")
def upsample(node: Node) -> Result:
    """Opsets 7 (an attribute) and 9 (an input)."""
    scales = attribute(node, "scales") or [float(s) for s in node.array(1, "scales").reshape(-1)]
    return _resized(node, scales, None, "asymmetric", "simple")


@onnx("Resize")
def resize(node: Node) -> Result:
    """Opset 10 gives scales alone, those from 11 on a region, then scales or sizes."""
    if opset(node) < 11 or len(node.arguments) == 2:
        return _resized(node, [float(s) for s in node.array(1, "scales").reshape(-1)], None, "asymmetric", "simple")
    scales = None if node.argument(2) is None else node.array(2, "scales").reshape(-1).tolist()
    sizes = node.integers(3, "sizes")
    coordinates = attribute(node, "coordinate_transformation_mode", "half_pixel")
    if not scales and not sizes:
        raise Unsupported("it has neither scales nor sizes; one of the two, a constant, would work")
    return _resized(node, scales, sizes, coordinates, attribute(node, "nearest_mode", "round_prefer_floor"))


def _resized(
    node: Node, scales: list[float] | None, sizes: list[int] | None, coordinates: str, rounding: str
) -> Result:
    x, mode = node.argument(0), attribute(node, "mode", "nearest")
    dims = dims_of(x)
    axes = _axes(node, dims, scales, sizes)
    resizing.check_sizes(x, [axes[d].after if d in axes else n for d, n in enumerate(dims)])
    if coordinates == "tf_crop_and_resize":
        raise Unsupported("it resizes a region of the image; a Slice in front of it would work")
    changed = {d: axis for d, axis in axes.items() if axis.before != axis.after or axis.scale != 1}
    if mode == "nearest":
        if rounding == "simple":
            return resizing.nearest(x, {d: resizing.simple(axis) for d, axis in changed.items()})
        return resizing.nearest(x, {d: resizing.nearest_places(a, coordinates, rounding) for d, a in changed.items()})
    if attribute(node, "antialias", 0) and any(axis.scale < 1 for axis in changed.values()):
        raise Unsupported("it smooths while it makes images smaller; antialias=0 would work")
    found = {d: resizing.chosen(resizing.COORDINATES, coordinates, "mode")(axis) for d, axis in changed.items()}
    if mode == "linear":
        return resizing.linear(x, found)
    if mode == "cubic":
        how = attribute(node, "cubic_coeff_a", -0.75), yes(node, "exclude_outside")
        return resizing.weighted(x, {d: resizing.cubic_matrix(changed[d], found[d], *how) for d in found})
    raise Unsupported(f"its mode is {mode}; nearest, linear and cubic are supported")


def _axes(node: Node, dims: list[int], scales: list[float] | None, sizes: list[int] | None) -> dict[int, Axis]:
    """What happens to each axis that it names."""
    named = [axis % len(dims) for axis in attribute(node, "axes") or range(len(dims))]
    given = sizes or scales or []
    if len(given) != len(named):
        raise Unsupported(f"its scales or sizes {given} do not fit {dims}; one for each dimension would work")
    if not sizes:
        return {d: Axis(dims[d], resizing.scaled_size(dims[d], s), s) for d, s in zip(named, given, strict=True)}
    wanted = [n / dims[d] for d, n in zip(named, sizes, strict=True)]
    policy = attribute(node, "keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        scale = min(wanted) if policy == "not_larger" else max(wanted)
        return {d: Axis(dims[d], int(np.floor(scale * dims[d] + 0.5)), scale) for d in named}
    return {d: Axis(dims[d], n, n / dims[d]) for d, n in zip(named, sizes, strict=True)}


@onnx("DepthToSpace")
def depth_to_space(node: Node) -> Result:
    size = attribute(node, "blocksize")
    columns_first = attribute(node, "mode", "DCR") == "CRD"
    return blocks.depth_to_space(node.argument(0), [size, size], columns_first=columns_first)


@onnx("SpaceToDepth")
def space_to_depth(node: Node) -> Result:
    size = attribute(node, "blocksize")
    columns_first = attribute(node, "mode", "DCR") == "CRD"
    return blocks.space_to_depth(node.argument(0), [size, size], columns_first=columns_first)


@onnx("ConvTranspose")
def conv_transpose(node: Node) -> Result:
    """The size of the result follows from pads, or pads from the size."""
    x, weight, bias = (node.argument(i) for i in range(3))
    rank = len(dims_of(x)) - 2
    if not isinstance(weight, Literal) or weight.array.ndim != rank + 2:
        raise Unsupported("its weight must be a constant of the rank of its input")
    ones, zeros = [1] * rank, [0] * rank
    strides, dilation = attribute(node, "strides", ones), attribute(node, "dilations", ones)
    extra, padding = attribute(node, "output_padding", zeros), attribute(node, "pads", zeros * 2)
    automatic, sizes = attribute(node, "auto_pad", "NOTSET"), attribute(node, "output_shape")
    if automatic == "VALID":
        padding = zeros * 2
    if automatic in ("SAME_UPPER", "SAME_LOWER") and sizes is None:
        sizes = [n * s for n, s in zip(dims_of(x)[2:], strides, strict=True)]
    if sizes is not None:
        reach = [d * (n - 1) + 1 for d, n in zip(dilation, weight.array.shape[2:], strict=True)]
        every = zip(strides, dims_of(x)[2:], reach, extra, sizes[-rank:], strict=True)
        total = [s * (n - 1) + k + more - size for s, n, k, more, size in every]
        extra = [more + max(0, -n) for more, n in zip(extra, total, strict=True)]
        small = [max(0, n) // 2 for n in total]
        large = [max(0, n) - half for n, half in zip(total, small, strict=True)]
        padding = [*small, *large] if automatic == "SAME_UPPER" else [*large, *small]
    return blocks.conv_transpose(x, weight, bias, strides, padding, dilation, attribute(node, "group", 1), extra)
