"""ONNX operators become `qd`: every opset's way of writing them, none of them through another operator set first."""

from torch_mlir import ir

from dyadic.passes.ingest import (  # noqa: F401 - the operators
    functions,
    onnx_choices,
    onnx_elementwise,
    onnx_formulas,
    onnx_layers,
    onnx_quantized,
    onnx_rankings,
    onnx_recurrent,
    onnx_reductions,
    onnx_selections,
    onnx_shapes,
    onnx_signals,
    onnx_spatial,
    onnx_transformers,
)
from dyadic.passes.ingest.onnx_node import leaf, onnx, operator_name
from dyadic.passes.ingest.translation import Vocabulary, translate
from dyadic.passes.rewriting import module_pass

ONNX = Vocabulary(
    name_of=operator_name,
    leaf=leaf,
    operators=onnx,
)


@module_pass
def ingest_onnx(module: ir.Operation) -> None:
    """Turn ONNX operators into qd: torch.operator "onnx.X" --> qd.x

    Exact up to one float32 rounding where constants are combined (batch norm, Gemm's alpha), computed in float64.
    Everything without a qd form is listed in one error.
    """
    translate(module, ONNX)
