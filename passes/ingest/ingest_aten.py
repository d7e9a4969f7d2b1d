"""PyTorch's operators become `qd`: the graph of torch.export as the user wrote it, nothing taken apart before."""

from torch_mlir import ir

from dyadic.passes.ingest import (  # noqa: F401 - the operators are there
    aten_choices,
    aten_masks,
    aten_operators,
    aten_places,
    aten_pooling,
    aten_quantized,
    aten_rankings,
    aten_recurrent,
    aten_selections,
    aten_spatial,
    aten_transformers,
    functions,
)
from dyadic.passes.ingest.aten_node import aten, leaf, operator_name
from dyadic.passes.ingest.translation import Vocabulary, translate
from dyadic.passes.rewriting import module_pass

ATEN = Vocabulary(name_of=operator_name, leaf=leaf, operators=aten)


@module_pass
def ingest_aten(module: ir.Operation) -> None:
    """Turn PyTorch operators into qd: torch.aten.x --> qd.x

    Exact up to one float32 rounding where constants are combined (batch norm statistics), computed in float64.
    Everything without a qd form is listed in one error.
    """
    translate(module, ATEN)
