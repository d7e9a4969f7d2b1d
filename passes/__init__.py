"""The pipeline, top to bottom. To add a pass: one file in its stage's folder, one line below, with its reason.

Stages without passes here (import, calibrate, select, emit) need data, the outside world or a decision: see `compiler/driver.py`.
"""

from dyadic.passes.integerize.choose_conv_add import choose_conv_add
from dyadic.passes.integerize.integerize import integerize as convert_to_integers  # the name is the package here
from dyadic.passes.integerize.place_ranges import place_ranges
from dyadic.passes.integerize.verify_integer import verify_integer
from dyadic.passes.rewriting import Pass

STAGES = ("import", "ingest", "prepare", "calibrate", "select", "refine", "integerize", "lower", "emit")

# folder under passes/ -> its passes in order
PIPELINE: dict[str, tuple[Pass, ...]] = {
    "ingest": (),
    "prepare": (),
    "refine": (),
    "integerize": (
        place_ranges,  # first: the scales that the next ones read follow from ranges that agree
        choose_conv_add,  # before integerize, which must know whether a convolution rounds or waits for its addition
        convert_to_integers,
        verify_integer,  # last: the proof that nothing float is left inside
    ),
    "lower/cpu": (),
}
