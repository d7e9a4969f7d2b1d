"""What a part of the run is, and running one in a child process: `python -m benchmarks.gpu part NAME FOLDER ...`.

A child writes a line before each item and one after it, so that its parent knows what it was at when it died or hung,
and goes on behind that in a new one. Items that have no more time are named as left out.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parents[2]
POLL = 0.05
NO_TIME = "no time was left"
LAST_WORDS = 600  # characters of what a child said before it died
Result = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """`items` lists what there is to do in a folder; `begin` prepares a child for it, once, and gives the function that
    answers an item. `seconds`: the part's; `item_seconds`: after which an item counts as hung."""

    name: str
    items: Callable[[Path], Sequence[str]]
    begin: Callable[[Path], Callable[[str], Result]]
    seconds: float
    item_seconds: float
    failures: int = 12  # in a row, after which the rest is left out


def work(part: Part, folder: Path, first: int, said: Path) -> None:
    """The child: answer items from `first` on. A failure of the driver or of another library is that item's answer; it
    ends the child, since nobody knows what still works."""
    items = part.items(folder)
    with said.open("a") as file:

        def tell(**what: Any) -> None:
            file.write(json.dumps(what) + "\n")
            file.flush()

        tell(item=first)
        answer = part.begin(folder)
        for number in range(first, len(items)):
            tell(item=number)
            start = time.perf_counter()
            result = answer(items[number])
            tell(item=number, result=result | {"seconds": round(time.perf_counter() - start, 3)})


def run(part: Part, folder: Path, until: float, keep: Callable[[Result], object]) -> Result:
    """The parent: every item's answer by name. `keep` gets what there is after each one; `until` is when all ends, by
    `time.monotonic`."""
    items = part.items(folder)
    answers: Result = {}
    end = min(until, time.monotonic() + part.seconds)
    first = in_a_row = 0
    while first < len(items) and time.monotonic() < end and in_a_row < part.failures:
        after = _child(part, folder, items, first, end, answers, keep)
        in_a_row, first = (in_a_row + 1 if after == first + 1 else 1), after
    for name in items[first:]:
        answers[name] = {"left out": NO_TIME if time.monotonic() >= end else f"{in_a_row} in a row failed before it"}
    keep(answers)
    return answers


def _child(
    part: Part,
    folder: Path,
    items: Sequence[str],
    first: int,
    end: float,
    answers: Result,
    keep: Callable[[Result], object],
) -> int:
    """Run one from item `first` on; the item that the next one starts with."""
    with tempfile.TemporaryDirectory() as place:
        said, heard = Path(place, "said"), Path(place, "heard")
        said.touch()
        command = [sys.executable, "-m", "benchmarks.gpu", "part", part.name, str(folder), str(first), str(said)]
        with heard.open("w") as output, said.open() as file:
            child = subprocess.Popen(command, cwd=TREE, stdout=output, stderr=output, start_new_session=True)
            at, since, rest = first, time.monotonic(), ""
            failure = ""
            while True:
                over = child.poll() is not None
                rest += file.read()
                *lines, rest = rest.split("\n")
                for line in lines:
                    told = json.loads(line)
                    at, since = int(told["item"]), time.monotonic()
                    if "result" in told:
                        answers[items[at]] = told["result"]
                        at += 1
                        keep(answers)
                if over:
                    break
                now = time.monotonic()
                if now > end or now - since > part.item_seconds:
                    failure = NO_TIME if now > end else f"it took more than {part.item_seconds:g} s"
                    _kill(child)
                    break
                time.sleep(POLL)
        if at >= len(items):
            return at
        if not failure:
            lines = [line for line in heard.read_text(errors="replace").splitlines() if line.strip()]
            failure = "\n".join(lines)[-LAST_WORDS:] or f"exit code {child.returncode}"
        answers[items[at]] = {"failed": failure, "exit": child.returncode}
        keep(answers)
        return at + 1


def _kill(child: subprocess.Popen[bytes]) -> None:
    """With whatever it started itself."""
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
