"""The names of the attributes that say what was decided, and what an op says by having one."""

from typing import Any

__all__ = [
    "BATCH_AXIS",
    "BIAS_SHIFT",
    "BITS",
    "CHANNEL_RANGE",
    "CHANNEL_ROWS",
    "DTYPE",
    "FIXED",
    "FIXED_NONE",
    "FIXED_ONE",
    "FLOAT_BITS",
    "GIVEN",
    "GROUP_SCALES",
    "INPUT_MEAN",
    "INPUT_MOMENTS",
    "LAST",
    "NAME",
    "NORMALIZE",
    "NOTES",
    "OUTPUT_ERROR",
    "PADDING",
    "PIXELS",
    "RANGE",
    "RANGE_AT",
    "STATISTICS",
    "TOKENS",
    "WEIGHT_BITS",
    "WEIGHT_GROUP",
    "WEIGHT_SCALE",
    "WEIGHT_STEPS",
    "WEIGHT_TARGET",
    "WHY",
    "is_island",
]

# of the last dimension, the lows of all channels, then the highs; and of how many rows
CHANNEL_RANGE, CHANNEL_ROWS = "qd.channel_range", "qd.channel_rows"
RANGE, INPUT_MEAN, BITS, WHY, NAME = "qd.range", "qd.input_mean", "qd.bits", "qd.why", "qd.name"
DTYPE, TOKENS, PADDING, LAST = "qd.dtype", "qd.tokens", "qd.padding", "qd.last"
BATCH_AXIS = "qd.batch_axis"
STATISTICS = "qd.statistics"  # behind a batch norm: the means of all channels, then the deviations
NOTES = "qd.notes"
# an input is to be given as pixels, of which scale and shift by channel and a transpose make what it holds; it is, and
# this dimension of what it holds is the channels
NORMALIZE, PIXELS = "qd.normalize", "qd.pixels"
# of a model that is compiled for a fixed batch: the user's array has a first dimension of 1, or none in its place
FIXED, FIXED_ONE, FIXED_NONE = "qd.fixed", "one", "none"
WEIGHT_BITS, WEIGHT_GROUP = "qd.weight_bits", "qd.weight_group"
WEIGHT_SCALE, WEIGHT_STEPS, GROUP_SCALES = "qd.weight_scale", "qd.weight_steps", "qd.group_scales"
GIVEN = "qd.given"
FLOAT_BITS = 32  # of qd.weight_bits: no width of integers
BIAS_SHIFT = "qd.bias_shift"
RANGE_AT = {4: "qd.range4", 16: "qd.range16"}  # by width; RANGE is that of 8 bits until widths are chosen
INPUT_MOMENTS, WEIGHT_TARGET, OUTPUT_ERROR = "qd.input_moments", "qd.weight_target", "qd.output_error"


def is_island(op: Any) -> bool:
    """Whether the user keeps this layer in float."""
    attributes = op.operation.attributes
    return WEIGHT_BITS in attributes and attributes[WEIGHT_BITS].value == FLOAT_BITS
