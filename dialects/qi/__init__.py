"""`qi`: what the machine will do. Integers only, float islands apart; every op is its fields, verifier, exact meaning
and facts.

Tensors have the model's dimensions in the model's order: images are [1,C,H,W]. A target for which another order is
better rewrites the graph before it lowers it (`choose-dim-order`): ops with windows then are marked `channels_last`,
and there is a `qi.transpose` wherever numbers must change places. Both forms are exact. An activation is
`tensor<..x!quant.uniform<u8:f32, S:zp>>` with S exactly a float32; of 4 bits it is `u8<0:15>`, of 16 bits `i16` without
a zero point, and ops may read and make any of them. Weights are `qi.constant` of
`!quant.uniform<i8<-127:127>:f32:0, {...}>`, `<i4<-7:7>...>` or `<i2<-1:1>...>`, their numbers always an array of i8;
biases are int32 at scale `S_in * S_w` with `-zp * sum(w)` folded in. The scales say what the integers stand for; the
arithmetic needs none of them: multiplier, shift and zero points ARE it.

The accumulator of a layer that reads 16 bits may need more than 32: it is then narrowed by `acc_shift` bits, halves up,
before anything else is done with it (an i64 attribute in [0, 8]; where it is missing, nothing is narrowed).

A layer that the user excluded from the integers is a *float island*: `qi.float_conv2d` or `qi.float_linear`, which read
and make integers like every op, but compute with float32 weights and biases (tensors of f32) in between. The order of
its operations is part of its meaning, so that its bits are the same everywhere, too. The artifact is no longer
integer-only, and its certificate says so.

`evaluate` takes and returns NumPy arrays whose leading dimension is the batch, any batch. It is the oracle that every
kernel is compared with, bit for bit. Sums of products run in floating point only where that is exact (`exact_float`).
"""
# Every family says in `__all__` what it adds.
# ruff: noqa: F403

from dyadic.dialects.qi.attention import *
from dyadic.dialects.qi.data import *
from dyadic.dialects.qi.dialect import *
from dyadic.dialects.qi.embedding import *
from dyadic.dialects.qi.interpolation import *
from dyadic.dialects.qi.islands import *
from dyadic.dialects.qi.matmul import *
from dyadic.dialects.qi.moves import *
from dyadic.dialects.qi.norms import *
from dyadic.dialects.qi.places import *
from dyadic.dialects.qi.pointwise import *
from dyadic.dialects.qi.products import *
from dyadic.dialects.qi.recurrence import *
from dyadic.dialects.qi.windows import *
