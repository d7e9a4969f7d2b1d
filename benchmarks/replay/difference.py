"""Two records side by side: what differs, per network and section, in sentences."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

FEW = 4  # of what differs in one section is named, the rest counted
CODE = ("llvmlite", "torch-mlir")  # whose versions decide about the bytes of code


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for every section of every network that differs; networks that only one record has are named too."""
    code = all(before["versions"].get(name) == after["versions"].get(name) for name in CODE)
    olds, news = before["networks"], after["networks"]
    lines: list[str] = []
    for name in dict.fromkeys([*olds, *news]):
        if name not in news:
            lines.append(f"{name}: not compiled this time")
        elif name not in olds:
            lines.append(f"{name}: not in the record")
        else:
            lines += [f"{name}: {line}" for line in _network(olds[name], news[name], code=code)]
    return lines


def notes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What the reader of a comparison has to know: other versions, another machine."""
    said = []
    for name, version in after["versions"].items():
        if (old := before["versions"].get(name)) != version:
            without = "; CODE WAS NOT COMPARED" if name in CODE else ""
            said.append(f"{name} is {version}, the record was made with {old}{without}")
    for name, value in after["machine"].items():
        if (old := before["machine"].get(name)) != value:
            said.append(f"{name}: {value} here, {old} in the record; all must give the same answers")
    return said


def _network(old: Mapping[str, Any], new: Mapping[str, Any], *, code: bool) -> Iterator[str]:
    if "failed" in old or "failed" in new:
        if old.get("failed") != new.get("failed"):
            yield f"failed: {new['failed']}" if "failed" in new else f"compiles now; before: {old['failed']}"
        return
    for section in dict.fromkeys([*old, *new]):
        was, now = old.get(section, {}), new.get(section, {})
        if section == "code" and not code:
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
