"""Two records side by side: what differs, per network and section, in sentences."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

FEW = 4  # of what differs in one section is named, the rest counted
CODE = ("llvmlite", "torch-mlir")  # whose versions decide about the bytes of code
FLOAT = ("torch", "processor", "float vectors")  # what decides about the last bits of float32 sums
LEARNED = ("integer graph", "data", "answers")  # where weights and biases that were learned are seen


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for every section of every network that differs; networks that only one record has are named too."""
    skipped = set() if _same(before, after, CODE) else {"code"}
    float_too = _same(before, after, FLOAT)
    olds, news = before["networks"], after["networks"]
    lines: list[str] = []
    for name in dict.fromkeys([*olds, *news]):
        if name not in news:
            lines.append(f"{name}: not compiled this time")
        elif name not in olds:
            lines.append(f"{name}: not in the record")
        else:
            unlike = skipped if float_too or name not in after["learned"] else {*skipped, *LEARNED}
            lines += [f"{name}: {line}" for line in _network(olds[name], news[name], unlike)]
    return lines


def notes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What the reader of a comparison has to know: other versions, another machine, and what was left out for it."""
    old, new = _facts(before), _facts(after)
    said = [
        f"{name} is {new[name]}, the record was made with {old.get(name)}" for name in new if old.get(name) != new[name]
    ]
    if not _same(before, after, CODE):
        said.append("CODE WAS NOT COMPARED: it follows from the versions of llvmlite and torch-mlir")
    if not _same(before, after, FLOAT) and after["learned"]:
        said.append(
            f"OF {len(after['learned'])} NETWORKS ONLY PROGRAM AND CODE WERE COMPARED: what they learn follows from "
            f"float32 sums, which are others here: {', '.join(after['learned'])}"
        )
    return said


def _facts(record: Mapping[str, Any]) -> dict[str, str]:
    return record["versions"] | record["machine"]


def _same(before: Mapping[str, Any], after: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return all(_facts(before).get(name) == _facts(after).get(name) for name in names)


def _network(old: Mapping[str, Any], new: Mapping[str, Any], skipped: set[str]) -> Iterator[str]:
    if "failed" in old or "failed" in new:
        if old.get("failed") != new.get("failed"):
            yield f"failed: {new['failed']}" if "failed" in new else f"compiles now; before: {old['failed']}"
        return
    for section in dict.fromkeys([*old, *new]):
        was, now = old.get(section, {}), new.get(section, {})
        if section in skipped:
            continue
        found = [part for part in dict.fromkeys([*was, *now]) if part != "each" and was.get(part) != now.get(part)]
        found += _each(was.get("each", []), now.get("each", []))
        if found:
            yield f"{section} differs in {', '.join(found)}"


def _each(old: list[str], new: list[str]) -> list[str]:
    """The first that differ of two lists of "hash name" lines, and how many there are."""
    found = []
    for number, (was, now) in enumerate(zip_longest(old, new, fillvalue="")):
        if was != now:
            before, after = (line.partition(" ")[2] for line in (was, now))
            called = after if before == after else f"{before or 'nothing'} -> {after or 'nothing'}"
            found.append(f"#{number} ({called})")
    more = [f"{len(found) - FEW} more"] if len(found) > FEW else []
    counts = [f"{len(new)} where there were {len(old)}"] if len(old) != len(new) else []
    return [*found[:FEW], *more, *counts]
