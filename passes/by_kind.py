"""Functions registered for kinds of ops, where they are written; nobody keeps a list of them."""

from collections.abc import Callable
from typing import Generic, TypeVar

Function = TypeVar("Function")


class ByKind(dict[type, Function], Generic[Function]):
    """Functions by op class: `@converts(qd.AddOp)`. That of a base class is for all its ops without their own."""

    def __call__(self, *kinds: type) -> Callable[[Function], Function]:
        """Register a function for ops of these kinds."""

        def register(function: Function) -> Function:
            for kind in kinds:
                assert kind not in self, f"{kind.__name__} has two functions"
                self[kind] = function
            return function

        return register

    def of(self, kind: type) -> Function | None:
        """What was registered for a kind of op or the nearest of its base classes; None where nothing was."""
        return next((self[base] for base in kind.__mro__ if base in self), None)
