"""One order for one graph: what the result needs, depth first, each op once."""

from typing import Any

from torch_mlir import ir

from dyadic.passes.rewriting import module_pass

Key = tuple[Any, ...]


def _key(op: ir.Operation, operands: list[ir.Value]) -> Key:
    """Equal for ops that compute the same; attributes and types are unique objects in their context."""
    attributes = tuple((name, op.attributes[name]) for name in sorted(op.attributes))
    return (op.name, tuple(operands), attributes, tuple(result.type for result in op.results))


def _order(block: ir.Block) -> None:
    *_, terminator = block.operations
    same: dict[Key, ir.Operation] = {}
    done: set[ir.Operation] = set()
    # An explicit stack, since networks are deeper than Python's: (op, whether its operands are done)
    stack = [(terminator.operation, False)]
    while stack:
        op, ready = stack.pop()
        if op in done:
            continue
        if not ready:
            stack.append((op, True))
            stack.extend((v.owner, False) for v in reversed(list(op.operands)) if isinstance(v, ir.OpResult))
            continue
        done.add(op)
        if op == terminator.operation:
            continue
        first = same.setdefault(_key(op, list(op.operands)), op)
        if first == op:
            op.move_before(terminator.operation)
        else:
            for mine, theirs in zip(op.results, first.results, strict=True):
                mine.replace_all_uses_with(theirs)
    kept = set(same.values())
    for op in reversed([view.operation for view in block.operations]):
        if op not in kept and op != terminator.operation:
            op.erase()


@module_pass
def order_operations(module: ir.Operation) -> None:
    """Sort ops depth first from the results, merge equal ones, drop unused ones: one text for one graph

    Exact.
    """
    for function in module.regions[0].blocks[0].operations:
        for region in function.operation.regions:
            for block in region.blocks:
                _order(block)
