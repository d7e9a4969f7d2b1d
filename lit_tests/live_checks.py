"""A check that nothing reads is a test that cannot fail. Finds them in the text of one lit test."""

import re
from collections.abc import Iterator

SUFFIX = r"(?:-(?:NEXT|SAME|NOT|DAG|LABEL|EMPTY|COUNT-\d+))?"
DIRECTIVE = re.compile(rf"//\s*([A-Z][A-Z0-9_-]*?){SUFFIX}(?:\{{[A-Z]+\}})?:")
LIT_KEYWORDS = {"RUN", "REQUIRES", "UNSUPPORTED", "XFAIL", "NOTE"}
# A directive that lost its colon, or has a space or another character in its place.
NEARLY = re.compile(r"//\s*(CHECK(?:-[A-Z]+)*)(?:\s+[:%@\"\w]|\s*$|：|;)", re.M)
SUFFIXES = {"NEXT", "SAME", "NOT", "DAG", "LABEL", "EMPTY", "COUNT"}
# A variable that is captured again at its use accepts anything there.
CAPTURE = re.compile(r"%?\[\[#?([A-Za-z_]\w*):")


def dead_checks(text: str) -> Iterator[str]:
    """One complaint for each check that cannot fail."""
    commands = re.findall(r"//\s*RUN:(.*)", re.sub(r"\\\n\s*//\s*RUN:", " ", text))
    if not commands:
        yield "has no RUN line"
        return
    read, verifies = set(), False
    for command in commands:
        stages = command.split("|")
        verifies |= "--verify-diagnostics" in command
        for stage in stages:
            if re.search(r"\bfilecheck\b", stage):
                given = re.findall(r"--check-prefix(?:es)?[= ](\S+)", stage)
                read |= {prefix for group in given for prefix in group.split(",")} or {"CHECK"}
    if not read and not verifies:
        yield "no RUN line pipes into filecheck or verifies diagnostics"
    if verifies and "expected-error" not in text:
        yield "verifies diagnostics but expects none"
    if "expected-error" in text and not verifies:
        yield "expects errors but no RUN line has --verify-diagnostics"
    written = {prefix for prefix in DIRECTIVE.findall(text) if prefix not in LIT_KEYWORDS}
    for prefix in sorted(written - read):
        base, _, suffix = prefix.rpartition("-")
        if base in read and suffix not in SUFFIXES:
            yield f"{prefix}: is no directive of filecheck"
        else:
            yield f"{prefix}: is written but no RUN line reads it"
    for prefix in sorted(read - written):
        yield f"{prefix} is read by a RUN line but never written"
    for typo in NEARLY.findall(text):
        yield f"'{typo}' without its colon is a comment, not a check"
    yield from recaptured(text)


def recaptured(text: str) -> Iterator[str]:
    """A name captured twice between two labels: the second capture accepts anything."""
    seen: set[str] = set()
    for line in text.splitlines():
        if not DIRECTIVE.search(line):
            continue
        if "-LABEL:" in line:
            seen = set()
        for name in CAPTURE.findall(line):
            if name in seen:
                yield f"[[{name}: is captured again; use [[{name}]] to compare with the first"
            seen.add(name)
