"""Give tensors of 4 bits the range that serves 4 bits best.

Sixteen steps want a narrower range than 256: clipping a few large values costs less than coarse steps for all others
(ACIQ, Banner et al. 2019, arXiv:1810.05723). Calibration writes it as `qd.range4` beside `qd.range`; once widths are
chosen it becomes the range. Exact on the float graph.
"""

from collections.abc import Callable

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import main_function


def narrow_ranges(module: ir.Module | ir.Operation) -> None:
    """`qd.range4` becomes `qd.range` where `qd.bits` is 4."""
    replace_ranges(module, lambda bits: bits == 4)


def narrow_all_ranges(module: ir.Module | ir.Operation) -> None:
    """`qd.range4` becomes `qd.range` everywhere: what ranges would be if all had 4 bits."""
    replace_ranges(module, lambda bits: True)


def replace_ranges(module: ir.Module | ir.Operation, wanted: Callable[[int], bool]) -> None:
    """`qd.range4` becomes `qd.range` of arguments and results whose width is `wanted`."""
    function = main_function(module)
    with function.context:
        for op in function.operation.regions[0].blocks[0].operations:
            attributes = op.operation.attributes
            if qd.NARROW_RANGE in attributes and wanted(width(attributes)):
                attributes[qd.RANGE] = attributes[qd.NARROW_RANGE]
        if "arg_attrs" in function.attributes:
            every = []
            for given in function.attributes["arg_attrs"]:
                known = {each.name: each.attr for each in given}
                if qd.NARROW_RANGE in known and wanted(width(known)):
                    known[qd.RANGE] = known[qd.NARROW_RANGE]
                every.append(ir.DictAttr.get(known))
            function.attributes["arg_attrs"] = ir.ArrayAttr.get(every)


def width(attributes: object) -> int:
    """What `qd.bits` says, 8 where it is silent."""
    return attributes[qd.BITS].value if qd.BITS in attributes else 8  # pyright: ignore
