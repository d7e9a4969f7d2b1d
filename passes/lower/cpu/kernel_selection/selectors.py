"""Which function makes the kernel launches of an op: registered where it is written, with `@selects(qi.X)`."""

from collections.abc import Callable
from typing import Any

from dyadic.dialects import qi
from dyadic.passes.lower.cpu.kernel_selection.launch import Launch

Selector = Callable[[Any], list[Launch]]
_SELECTORS: dict[type, Selector] = {}


def selects(*kinds: type[qi.Operator]) -> Callable[[Selector], Selector]:
    """Register what makes the launches of ops of these kinds; of a base class, those of all its ops."""

    def register(selector: Selector) -> Selector:
        for kind in kinds:
            assert kind not in _SELECTORS, f"{kind.__name__} has two selectors"
            _SELECTORS[kind] = selector
        return selector

    return register


def selector_of(kind: type) -> Selector | None:
    """What was registered for a kind of op or the nearest of its base classes; None where nothing was."""
    return next((_SELECTORS[base] for base in kind.__mro__ if base in _SELECTORS), None)
