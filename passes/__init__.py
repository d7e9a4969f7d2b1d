"""The pipeline, top to bottom. To add a pass: one file in its stage's folder, one line below, with its reason.

Stages without passes here (import, calibrate, select, emit) need data, the outside world or a decision: see `compiler/driver.py`.
"""

from dyadic.passes.rewriting import Pass

STAGES = ("import", "ingest", "prepare", "calibrate", "select", "refine", "integerize", "lower", "emit")

# folder under passes/ -> its passes in order
PIPELINE: dict[str, tuple[Pass, ...]] = {
    "ingest": (),
    "prepare": (),
    "refine": (),
    "integerize": (),
    "lower/cpu": (),
}
