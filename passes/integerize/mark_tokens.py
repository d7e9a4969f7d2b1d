"""Which inputs and results may have fewer tokens than the network has room for.

    main(%ids, %mask) -> r   -->   main(%ids {qd.tokens = 1}, %mask {qd.tokens = 1}) -> (r {qd.tokens = 1})

A result has the mark where its own dimension counts tokens; nothing is marked where tokens that are not valid reach a
result. Truth: a proof, op by op (`Operator.token_axis`); nothing is rewritten.
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.arguments import RESULTS, argument_attributes, set_argument_attribute
from dyadic.dialects.reference import main_function, make_plan
from dyadic.dialects.tokens import tokens_of
from dyadic.passes.rewriting import module_pass


@module_pass
def mark_tokens(module: ir.Operation) -> None:
    """Say which dimension of inputs and results counts tokens: argument --> argument {qd.tokens}; a proof."""
    try:
        function = main_function(module)
    except ValueError:  # passes run on functions of other names, too
        return
    plan = make_plan(module)
    tokens = tokens_of(module, plan)
    if tokens is None or any(slot in tokens.meeting for slot in plan.results.values()):
        return
    if any(qd.LAST in said and "count" in said[qd.LAST] for said in every_result(function)):
        return  # rankings of as many tokens as there is room for
    with module.context:
        for slot in plan.arguments.values():
            if (axis := tokens.axes[slot]) is not None:
                set_argument_attribute(function, slot, qd.TOKENS, number(axis))
        for index, slot in enumerate(plan.results.values()):
            if (axis := tokens.axes[slot]) is not None:
                set_argument_attribute(function, index, qd.TOKENS, number(axis), RESULTS)


def every_result(function: Any) -> list[Any]:
    """What the function says of each of its results."""
    count = len(ir.FunctionType(function.attributes["function_type"].value).results)
    return [argument_attributes(function, index, RESULTS) for index in range(count)]


def number(value: int) -> ir.IntegerAttr:
    """`value : i64`."""
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
