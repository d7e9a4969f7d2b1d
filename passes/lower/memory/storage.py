"""What `assign_layouts` decides about a tensor before it has a layout."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dyadic.dialects import qi
from dyadic.dialects.tensor_types import is_wide, shape
from dyadic.passes.lower.memory.views import NO_HALO, Halo, Sizes
from dyadic.passes.lower.memory.walks import is_one_run
from dyadic.runtime.layout import Layout


@dataclass
class Storage:
    """What is being decided about one tensor. With a `parent` it is a place inside that tensor."""

    op: Any
    sizes: Sizes
    parent: "Storage | None" = None
    channel: int = 0  # first channel inside the parent
    starts: tuple[int, ...] = ()  # its first element in the parent, of every dimension behind the batch
    steps: tuple[int, ...] = ()  # and from one to the next; () for slices of channels
    reshaped: bool = False  # the parent's bytes under another shape
    beside: bool = False  # behind both planes of the parent, a copy of which it is
    unfolded: bool = False  # the parent's elements, whose dimensions are products of its own
    order: tuple[int, ...] = ()  # the parent's bytes with dimensions in another order: which of its each of ours is
    halo: Halo = NO_HALO
    packed: bool = False  # no padding between pixels, since a reshape reads or makes it
    placed: list[int] = field(default_factory=list)  # for each input of a move: 1 where it already is in its place
    children: "list[Storage]" = field(default_factory=list)
    layout: Layout | None = None

    def adopt(self, child: "Storage", channel: int = 0, *, reshaped: bool = False, order: tuple[int, ...] = ()) -> None:
        child.parent, child.channel, child.reshaped, child.order = self, channel, reshaped, order
        self.children.append(child)

    def release(self, child: "Storage") -> None:
        """It has a buffer of its own again."""
        child.parent, child.channel, child.starts, child.steps = None, 0, (), ()
        self.children = [one for one in self.children if one is not child]

    @property
    def dims(self) -> list[int]:
        """The sizes of all dimensions but the batch's."""
        return shape(self.op.operation.results[0])[1:]

    @property
    def ancestors(self) -> Iterator["Storage"]:
        """Itself, its parent, and so on to the one that has a buffer of its own."""
        one: Storage | None = self
        while one is not None:
            yield one
            one = one.parent

    @property
    def root(self) -> "Storage":
        *_, last = self.ancestors
        return last

    @property
    def wide(self) -> bool:
        """16 bits."""
        return is_wide(self.op.operation.results[0])

    @property
    def whole(self) -> bool:
        """Bytes of its buffer one behind the other, in order, where pixels have no padding."""
        return all(one.parent is None or one.reshaped or one.in_one_piece for one in self.ancestors)

    @property
    def in_one_piece(self) -> bool:
        """A run of its parent's elements."""
        return self.parent is not None and self.steps != () and is_one_run(self.dims, self.parent.dims, self.steps)

    @property
    def quantized(self) -> bool:
        """The runtime writes it."""
        return isinstance(self.op, qi.InputOp) or any(isinstance(child.op, qi.InputOp) for child in self.children)

    def family(self) -> Iterator["Storage"]:
        waiting = [self]
        while waiting:
            one = waiting.pop()
            yield one
            waiting += one.children
