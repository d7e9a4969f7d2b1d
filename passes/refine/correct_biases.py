"""A bias takes back what rounding adds to its channel on average.

    conv2d(x, w, b) {qd.output_error = e}  -->  {qd.bias_shift = -e}

The error is that of the rounded layer on the inputs that it really gets, so what layers before it lost is in it, too
(DFQ, Nagel et al. 2019, arXiv:1906.04721, with data in the place of batch-norm statistics). integerize adds the shift
to the bias and no longer corrects by `qd.input_mean`, which knows of this layer's weights alone.
"""

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.passes.rewriting import module_pass


@module_pass
def correct_biases(module: ir.Operation) -> None:
    """Shift biases by the mean error of results: conv2d {output_error} --> {bias_shift}"""
    for block in function_bodies(module):
        for op in block.operations:
            if qd.OUTPUT_ERROR in op.operation.attributes:
                shift = [-float(v) for v in op.operation.attributes[qd.OUTPUT_ERROR]]
                op.operation.attributes[qd.BIAS_SHIFT] = ir.DenseF64ArrayAttr.get(shift, op.operation.context)
