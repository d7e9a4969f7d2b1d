"""What the kernel of a layer makes besides its sums: a function that it looks up, or a norm."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.passes.lower.memory.copies import is_joined


def joined(op: Any, kind: type) -> Any | None:
    """What reads the result of a layer and is made by its kernel, if it is of a kind."""
    readers = (use.owner.opview for use in op.out.uses)
    return next((one for one in readers if isinstance(one, kind) and is_joined(one)), None)


def result_of(op: Any) -> ir.Value:
    """What the kernel of a layer stores: its result, or that of a function which it looks up."""
    table = joined(op, qi.TableOp)
    return op.out if table is None else table.out


def joined_table(op: Any) -> npt.NDArray[np.uint8] | None:
    """The 256 bytes in which the kernel of a layer looks its results up, if any."""
    reader = joined(op, qi.TableOp)
    return None if reader is None else np.array(reader.table).view(np.uint8)
