"""Whether to trust the figures, a check a line: the proof, what was looked at again, the data, the machine, notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dyadic.compiler.formats import count, counted
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.quality import quality_of

GOOD, WARNING, UNKNOWN = "good", "warning", "unknown"
WORDS = {GOOD: "yes", WARNING: "look", UNKNOWN: "not known"}  # for who cannot see the sign


@dataclass(frozen=True)
class Check:
    """One thing that a reader would ask, in a few words, and more of it."""

    state: str
    said: str
    more: str = ""

    @property
    def word(self) -> str:
        return WORDS[self.state]


def checks(facts: Facts) -> list[Check]:
    """In the order of weight; those that do not apply are left out."""
    return [*proof(facts), *samples(facts), *machine(facts), *notes(facts)]


def proof(facts: Facts) -> Iterator[Check]:
    """Whether only integers compute, and whether anybody has looked since."""
    certificate = facts.artifact.certificate
    if certificate is None:
        yield Check(UNKNOWN, "No certificate", "the file does not say what was proved of its code")
    elif islands := certificate.get("islands") or []:
        kept = "stays" if len(islands) == 1 else "stay"
        yield Check(WARNING, "Not all of it is integers", f"{counted(len(islands), 'layer')} {kept} in float, as asked")
    elif certificate.get("valid", True):
        swept = sum(image.get("instructions") or 0 for image in certificate.get("images") or [])
        said = f"none of {count(swept)} instructions computes in floating point; no accumulator overflows"
        yield Check(GOOD, "Integers only, proven", said)
    else:
        yield Check(WARNING, "Its certificate is void", str(certificate.get("summary") or ""))
    if facts.verified:
        yield Check(GOOD, "Verified just now", "hashes, code, weights and accumulators hold")
    elif certificate is not None:
        yield Check(UNKNOWN, "Not verified just now", f"dyadic verify {facts.artifact.file} does it")


def samples(facts: Facts) -> Iterator[Check]:
    """What the figures are of."""
    c, used = facts.report.comparison, facts.report.used
    if c is None:
        yield Check(UNKNOWN, "Nothing was measured", "neither accuracy nor time is known")
    else:
        judged = quality_of(facts).of_artifact(c) is not None
        of = f"{count(c.samples)} samples"
        named = f" of {used.evaluation}" if used is not None and used.evaluation else ""
        labels = "" if judged else "; they have no labels, so accuracy is not known"
        if c.synthetic:
            yield Check(WARNING, "Not compared on real data", f"{of} that the compiler made; accuracy is not known")
        elif c.held_out:
            yield Check(
                GOOD if judged else WARNING, "Held-out data", f"{of}{named} that it has not learned from{labels}"
            )
        else:
            yield Check(WARNING, "No held-out data", f"compared on {of} that ranges were learned from{labels}")
    if used is not None and used.synthetic:
        yield Check(WARNING, "Calibrated without data", "ranges come from synthetic samples, not from yours")


def machine(facts: Facts) -> Iterator[Check]:
    """Whose times they are."""
    c, machine = facts.report.comparison, facts.report.machine
    if c is None:
        return
    if machine is None:
        yield Check(UNKNOWN, "Machine not on record", "an older version compiled it; dyadic bench times it here")
    elif machine.instead_of is not None:
        said = f"times are those of {machine.level} here: this machine cannot run {machine.instead_of}"
        yield Check(WARNING, "Not timed where it is to run", said)
    elif facts.elsewhere:
        yield Check(WARNING, "Times of another machine", f"this page was made on {facts.elsewhere}")


def notes(facts: Facts) -> Iterator[Check]:
    """How many there are; each is said in full below."""
    said = all_notes(facts)
    if said:
        yield Check(WARNING, counted(len(said), "note"), "on data and result, below")
    elif facts.report.comparison is not None:
        yield Check(GOOD, "No warnings", "on data, ranges and outputs")


def all_notes(facts: Facts) -> list[str]:
    """The report's own and those of the search."""
    chosen = facts.report.selection
    return [*facts.report.notes, *(chosen.notes if chosen is not None else ())]
