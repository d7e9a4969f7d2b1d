"""`qd`: what the model means, plus what we decided. Still in float.

Few, regular ops on `tensor<...xf32>`. Images are NCHW; the leading batch dimension is 1 in the IR and a run-time
argument of everything that executes it. An input that counts (ids of tokens, which of them are valid) is
`tensor<1x...xi32>`; such numbers are looked up, or masked with, and nothing computes with them. What was decided is
written onto the ops as discardable attributes:

    qd.range = array<f64: low, high>   what calibration saw of the op's result
    qd.range4, qd.range16              what to represent of it with 4 or 16 bits, where that is another range
    qd.given = array<f64: scale, zero point, bits>    what the model itself says of a value, on its op, on an argument
                                       or on a constant: it is its quantization, whatever qd.range and qd.bits are.
                                       Of a clamp it rounds, too: a QuantizeLinear and the DequantizeLinear behind it
    qd.input_mean = array<f64: ...>    what it saw of x on average: one number a channel (conv2d, linear, scale_shift)
    qd.bits  = 8 : i64                 the width (4, 8 or 16) of its result, and qd.why = "..." the reason
    qd.weight_bits = 4 : i64           the width (2, 4 or 8) of the weights of a conv2d or linear; 8 where missing; 32:
                                       they stay float32, and the layer becomes a float island
    qd.weight_group = 32 : i64         so many input channels share an integer group scale (4 bits only); missing: none
    qd.weight_scale = array<f64: ...>  what one step of its weights is, one number an output channel
    qd.weight_steps = dense<...>       its weights in those steps, i8 in the shape of the weights
                                       both on a constant, with qd.weight_bits: what the model itself says of weights;
                                       those of a layer that reads it are these, bit for bit
    qd.group_scales = dense<...>       with groups: what their steps are multiplied with, i8 in [1, 18],
                                       [O, ceil(I / group), ...], the spatial dimensions as in the weights; for a
                                       linear layer behind a flattened image C x H x W: [O, ceil(C / group), H, W]
    qd.bias_shift = array<f64: ...>    what integerize adds to the bias, one number an output channel; it then leaves
                                       qd.input_mean alone
    qd.name  = "input"                 on function arguments and results: the user's own name
    qd.dtype = "int64"                 on arguments of i32: what the user gives them as (int64, int32, bool, or float32
                                       for what says which tokens are valid); on results: what the user gets whole
                                       numbers and masks as
    qd.padding = 1 : i64               on arguments of token ids: the id that may stand behind all others only, since
                                       positions are counted from ids
    qd.normalize = {...}               on an argument that is to be given as pixels: scale and shift by channel, the
                                       axis of the channels, the order of dimensions, "turned" for colours in the other
    qd.pixels = 1 : i64                on an argument that is pixels: the dimension of the channels in the user's model;
                                       on pixels with one more channel
    qd.batch_axis = 1 : i64            on results: the dimension that is the batch in the user's array; here it is first
    qd.notes = ["..."]                 on a module that was imported: what the user is told of how it is taken
    qd.fixed = "one"                   on arguments and results of a model that is compiled for the batch it has, whose
                                       first dimension counts whole sets of inputs: the user's array of one set has
                                       a 1 there ("one"), or no such dimension ("none"); on the module, the reason
    qd.tokens = 1 : i64                on arguments and results: the dimension that counts tokens, where fewer are
                                       answered as a network for so many would
    qd.last = {name = "softmax", axis = 1 : i64, left_out = false}
                                       on results: what the model does last, in float behind the integers; what ranks
                                       entries has their count and shape = array<i64: ...> of the result, too

What refine's passes learn from is written for one layer at a time and never stays (`compiler/refine`):

    qd.input_moments = dense<...>      [groups, blocks, K, K], f32: how the inputs of a weight row vary together; the
                                       K inputs of a block are taken to be independent of other blocks'
    qd.weight_target = dense<...>      f32 in the shape of the weights: the real weights that would serve best
    qd.output_error = array<f64: ...>  how far the rounded layer's results are off on average, by output channel

The scale of an activation is never written: it is derived from range and width in integerize, and so are the scale and
the steps of weights where refine has not written better ones. What an op means in float is its `evaluate`; torch is
given to it, so that nothing here loads it.
"""
# Every family says in `__all__` what it adds.
# ruff: noqa: F403

from dyadic.dialects.qd.activations import *
from dyadic.dialects.qd.attention import *
from dyadic.dialects.qd.data import *
from dyadic.dialects.qd.decisions import *
from dyadic.dialects.qd.dialect import *
from dyadic.dialects.qd.elementary import *
from dyadic.dialects.qd.embedding import *
from dyadic.dialects.qd.functions import *
from dyadic.dialects.qd.interpolation import *
from dyadic.dialects.qd.moves import *
from dyadic.dialects.qd.norms import *
from dyadic.dialects.qd.places import *
from dyadic.dialects.qd.pointwise import *
from dyadic.dialects.qd.products import *
from dyadic.dialects.qd.rankings import *
from dyadic.dialects.qd.recurrence import *
from dyadic.dialects.qd.spelled import *
from dyadic.dialects.qd.trigonometric import *
from dyadic.dialects.qd.windows import *
