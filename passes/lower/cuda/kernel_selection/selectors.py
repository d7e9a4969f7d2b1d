"""Which function makes the kernel launches of an op: registered where it is written, with `@selects(qi.X)`."""

from collections.abc import Callable
from typing import Any

from dyadic.passes.by_kind import ByKind
from dyadic.passes.lower.launches.launch import Launch

Selector = Callable[[Any], list[Launch]]
selects = ByKind[Selector]()
