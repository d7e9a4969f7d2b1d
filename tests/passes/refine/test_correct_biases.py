"""A bias shift is written where an error is known; integerize adds it once and no longer corrects by input means."""

import numpy as np
import pytest
from support.meaning import assert_unchanged, lit_functions, parse

from dyadic.dialects import qd
from dyadic.dialects.reference import make_plan
from dyadic.passes.integerize.convert_products import input_mean, layer_bias
from dyadic.passes.refine.correct_biases import correct_biases

FUNCTIONS = lit_functions("refine", "correct-biases")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_float_graph_stays(title: str) -> None:
    assert_unchanged(correct_biases, FUNCTIONS[title], tolerance=0.0)


def test_integerize_corrects_once() -> None:
    text = FUNCTIONS["the_mean_error_is_taken_back"].replace(
        "{qd.output_error", "{qd.input_mean = array<f64: 3.0, 4.0>, qd.output_error"
    )
    module = parse(text)
    op = make_plan(module).steps[0].op
    assert input_mean(op, 2).tolist() == [3.0, 4.0] and layer_bias(op).tolist() == [0.0, 0.0]
    correct_biases.run(module.operation)
    assert input_mean(op, 2).tolist() == [0.0, 0.0] and layer_bias(op).tolist() == [-0.5, 0.25]
    assert np.array([float(v) for v in op.operation.attributes[qd.BIAS_SHIFT]]).tolist() == [-0.5, 0.25]
