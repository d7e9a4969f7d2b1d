"""What `--target` says: kinds of machines, each with the levels to hold code for, or as many as it thinks right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyadic.compiler.targets.registry import target_of
from dyadic.runtime.errors import UsageError
from dyadic.runtime.wording import did_you_mean

if TYPE_CHECKING:
    from dyadic.compiler.targets.target import Target


@dataclass(frozen=True)
class Asked:
    """A target by name; no levels: its usual ones."""

    name: str
    levels: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        return target_of(self.name)

    def chosen(self, isa: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The levels to hold code for, best first, each once; `isa` is what was asked for in other words."""
        target = self.target
        wanted = (*self.levels, *target.always) if self.levels else isa or target.usual()
        return tuple(name for name in target.levels if name in wanted)


def asked_for(text: str) -> tuple[Asked, ...]:
    """`cpu,cuda:sm_80,cuda:sm_90a` target by target, in the order of their first mention. Raises UsageError.

    >>> asked_for("cuda:sm_80,cpu,cuda:sm_90a")
    (Asked(name='cuda', levels=('sm_80', 'sm_90a')), Asked(name='cpu', levels=()))
    """
    found: dict[str, tuple[str, ...]] = {}
    for part in text.split(","):
        name, colon, level = part.strip().partition(":")
        target = target_of(name)
        if colon and level not in target.levels:
            like = did_you_mean(level, target.levels)
            raise UsageError(
                f"--target {part.strip()}: code is made for {', '.join(target.levels)}, not for '{level}'{like}"
            )
        found[name] = (*found.get(name, ()), *([level] if colon else []))
    return tuple(Asked(name, levels) for name, levels in found.items())
