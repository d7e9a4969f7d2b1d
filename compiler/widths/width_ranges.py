"""Give tensors of 4 and of 16 bits the ranges that serve these widths best.

Sixteen steps want a narrower range than 256: clipping a few large values costs less than coarse steps for all others
(ACIQ, Banner et al. 2019, arXiv:1810.05723). 65,536 steps can represent all that was seen. Calibration writes both as
`qd.range4` and `qd.range16` beside `qd.range`, which is for 8 bits; once widths are chosen they become the range. Exact
on the float graph.
"""

from collections.abc import Callable

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import main_function


def take_ranges_of_widths(module: ir.Module | ir.Operation) -> None:
    """`qd.range4` becomes `qd.range` where `qd.bits` is 4, `qd.range16` where it is 16."""
    replace_ranges(module, width)


def take_all_ranges_of(module: ir.Module | ir.Operation, bits: int) -> None:
    """What ranges would be if all tensors had so many bits become `qd.range`."""
    replace_ranges(module, lambda attributes: bits)


def replace_ranges(module: ir.Module | ir.Operation, width_of: Callable[[object], int]) -> None:
    """The ranges of arguments and results become those at their width, which follows from their attributes."""
    function = main_function(module)
    with function.context:
        for op in function.operation.regions[0].blocks[0].operations:
            attributes = op.operation.attributes
            name = qd.RANGE_AT.get(width_of(attributes))
            if name is not None and name in attributes:
                attributes[qd.RANGE] = attributes[name]
        if "arg_attrs" in function.attributes:
            every = []
            for given in function.attributes["arg_attrs"]:
                known = {each.name: each.attr for each in given}
                name = qd.RANGE_AT.get(width_of(known))
                if name is not None and name in known:
                    known[qd.RANGE] = known[name]
                every.append(ir.DictAttr.get(known))
            function.attributes["arg_attrs"] = ir.ArrayAttr.get(every)


def width(attributes: object) -> int:
    """What `qd.bits` says, 8 where it is silent."""
    return attributes[qd.BITS].value if qd.BITS in attributes else 8  # pyright: ignore
