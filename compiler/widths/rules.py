"""What the user decides: `--keep NAME=w8a16`, and the NAME of `--exclude`, which is `--keep NAME=f32a16`.

A NAME is that of a layer; or else a type, such as depthwise; or else a pattern in which * stands for anything. Later
rules win, one width at a time: after `*=w4a8`, `conv1=a16` leaves conv1's weights at 4 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dyadic.compiler.widths.scheme import Layer, Scheme, parse
from dyadic.runtime.errors import UsageError
from dyadic.runtime.wording import known_names

Groups = Sequence[Sequence[str]]  # names of layers that share a decision


@dataclass(frozen=True)
class Rule:
    """`said`: how the user put it, where that was not --keep."""

    pattern: str
    scheme: Scheme
    said: str = ""

    def __str__(self) -> str:
        return self.said or f"--keep {self.pattern}={self.scheme}"


@dataclass
class Kept:
    """What rules say of a layer, and which they are."""

    scheme: Scheme = field(default_factory=Scheme)
    why: tuple[Rule, ...] = ()


def parse_rules(given: Mapping[str, str] | Iterable[str]) -> tuple[Rule, ...]:
    """{"conv1": "w8a16"} or ["conv1=w8a16"], in order. A name may hold a = itself: the last one counts."""
    pairs = given.items() if isinstance(given, Mapping) else [split(text) for text in given]
    return tuple(Rule(name, scheme_of(name, scheme)) for name, scheme in pairs)


def scheme_of(name: str, scheme: str) -> Scheme:
    try:
        return parse(scheme)
    except UsageError as error:
        raise UsageError(f"--keep {name}={scheme}: {error}") from None


def split(text: str) -> tuple[str, str]:
    name, equals, scheme = text.rpartition("=")
    if not (name and equals):
        raise UsageError(f"--keep {text!r} is not NAME=SCHEME, as in --keep conv1=w8a16")
    return name, scheme


def apply_rules(
    rules: Sequence[Rule], layers: Sequence[Layer], weight_groups: Groups = (), result_groups: Groups = ()
) -> dict[str, Kept]:
    """For each layer that a rule says something about, what it says, in network order.

    What is said of one of a group is said of all.

    Raises:
        UsageError: a rule matches nothing, gives weights to layers without, or two rules name layers of one group and
            differ.
    """
    kept = {layer.name: Kept() for layer in layers}
    weighted = {layer.name for layer in layers if layer.weights}
    named: dict[tuple[str, str], Rule] = {}  # (part, layer) -> the rule that named a layer of its group
    for rule in rules:
        names = matching(rule.pattern, layers, str(rule))
        parts = [("weights", weight_groups, [n for n in names if n in weighted], Scheme(rule.scheme.weights))]
        parts += [("results", result_groups, names, Scheme(bits=rule.scheme.bits))]
        if rule.scheme.weights and not parts[0][2]:
            same = f"{names[0]}#2"  # a layer that has the name of an input is called so
            layer = f', the layer of that name is "{same}"' if same in weighted else ""
            raise UsageError(f'{rule}: "{names[0]}" has no weights; say a16, a8 or a4 alone{layer}')
        for part, groups, touched, scheme in parts:
            if scheme == Scheme():
                continue
            for name in together(touched, groups):
                other = named.get((part, name))
                if rule.pattern in kept:
                    if other and other.pattern != rule.pattern and scheme.over(other.scheme) != other.scheme:
                        raise UsageError(
                            f"{other} and {rule} cannot both be: these layers share the width of their {part}"
                        )
                    named[part, name] = rule
                why = dict.fromkeys([*kept[name].why, rule])  # once, where it says both parts
                kept[name] = Kept(scheme.over(kept[name].scheme), tuple(why))
    return {name: one for name, one in kept.items() if one.why}


def together(names: Sequence[str], groups: Groups) -> list[str]:
    """The names and whatever shares a group with them."""
    more = {other for group in groups if not set(group).isdisjoint(names) for other in group}
    return list(dict.fromkeys([*names, *sorted(more)]))


def matching(pattern: str, layers: Sequence[Layer], said: str) -> list[str]:
    """The layers that a NAME means; said: the option as the user wrote it, for the error if there is none."""
    names = [layer.name for layer in layers]
    if pattern in names:
        return [pattern]
    found = [layer.name for layer in layers if pattern in layer.kinds]
    if not found and "*" in pattern:
        expression = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
        found = [name for name in names if expression.fullmatch(name)]
    if not found:
        kinds = dict.fromkeys(kind for layer in layers for kind in layer.kinds)
        raise UsageError(f"{said} matches no layer{known_names(pattern, [*names, *kinds])}")
    return found
