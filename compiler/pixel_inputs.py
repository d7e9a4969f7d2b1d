"""`--input-dtype uint8`: the artifact takes pixels; what `--preprocess` makes of their numbers is in the network."""

from __future__ import annotations

from torch_mlir import ir

from dyadic.compiler.calibrate import model_inputs
from dyadic.compiler.job import Job
from dyadic.compiler.user_pictures import the_target
from dyadic.dialects import qd
from dyadic.dialects.arguments import argument_attributes, set_argument_attribute
from dyadic.dialects.reference import boundary_names, main_function
from dyadic.runtime.errors import UsageError
from dyadic.runtime.preprocess import GRAY, NCHW, parse

TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # transposes of [N, height, width, channels] and of [N, channels, ...]


def ask_for_pixels(module: ir.Module, job: Job) -> None:
    """Write onto the input that takes images how it is made of pixels: the pass take-pixels does the rest.

    Raises:
        UsageError: no input takes images, or the preprocessing does not fit it; grey images have no order of colours.
    """
    target = the_target(model_inputs(module), "--input-dtype uint8 is for images,", "leave it out")
    assert job.preprocess is not None  # a job knows
    preprocess = parse(job.preprocess, target)
    if job.input_channels != "model" and preprocess.channels == GRAY:
        raise UsageError(f"--input-channels {job.input_channels} is for colours, and {target} reads grey: leave it out")
    scale, shift = preprocess.line
    given = job.input_layout if job.input_layout != "model" else target.layout
    order = (0, 1, 2, 3) if given == target.layout else TO_FIRST if target.layout == NCHW else TO_LAST
    function = main_function(module)
    index = boundary_names(function)[0].index(target.name)
    with module.context:
        said = {
            "scale": ir.DenseF64ArrayAttr.get(scale.tolist()),
            "shift": ir.DenseF64ArrayAttr.get(shift.tolist()),
            "axis": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 1 if target.layout == NCHW else 3),
            "order": ir.DenseI64ArrayAttr.get(list(order)),
        }
        if job.input_channels not in ("model", preprocess.channels):
            said["turned"] = ir.UnitAttr.get()
        set_argument_attribute(function, index, qd.NORMALIZE, ir.DictAttr.get(said))


def pixel_axes(module: ir.Module) -> dict[str, int]:
    """The inputs that pixels are given for, each with the dimension of the channels in the user's own model."""
    function, axes = main_function(module), dict[str, int]()
    for index, name in enumerate(boundary_names(function)[0]):
        said = argument_attributes(function, index)
        if qd.PIXELS in said:
            axes[name] = said[qd.PIXELS].value
    return axes
