"""What an agent is asked to do, in a process of its own: code that crashes ends this process, and an answer is told.

`python -m dyadic.runtime.cpu.agent_task` reads a request from standard input, its files by path, and prints an answer.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from dyadic.runtime.agent_frames import FORMAT
from dyadic.runtime.cpu import levels
from dyadic.runtime.cpu.processor import processor
from dyadic.runtime.errors import DyadicError
from dyadic.runtime.in_place import Rounds, measure
from dyadic.runtime.machine import processor_name
from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import load
from dyadic.runtime.timing import Run, in_turns


def about(asked: dict[str, Any]) -> dict[str, Any]:
    """Which machine this is."""
    del asked
    usable = levels.usable()
    return {
        "format": FORMAT,
        "name": platform.node(),
        "processor": processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "levels": list(usable),
        "identity": {level: processor(level) for level in usable},
    }


def times(asked: dict[str, Any]) -> dict[str, Any]:
    """Of the files, in their order, against each other."""
    paths = {str(i): Path(path) for i, path in enumerate(asked["files"])}
    rounds = Rounds(**asked["rounds"])
    found = measure(paths, asked["level"], asked["threads"], asked["batch"], rounds, lambda: None)
    return {"times": [asdict(found[name]) for name in paths]}


def turns(asked: dict[str, Any]) -> dict[str, Any]:
    """Of the files, whole networks in turn: milliseconds of every run."""
    with ExitStack() as stack:
        runs: dict[str, Run] = {}
        for path in asked["files"]:
            session = stack.enter_context(
                load(path, threads=asked["threads"], max_batch=asked["batch"], isa=asked["level"], complete=True)
            )
            session.batch_first = True
            feeds = random_feeds(session, asked["batch"])
            runs[path] = partial(session.run, None, feeds)
        found = in_turns(runs)
        return {"runs": [found[path].runs for path in runs]}


def profile(asked: dict[str, Any]) -> dict[str, Any]:
    """Of every step of the one file."""
    (path,) = asked["files"]
    with load(path, threads=asked["threads"], max_batch=1, isa=asked["level"]) as session:
        return {"steps": [asdict(step) for step in session.profile(random_feeds(session, 1))]}


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "about": about,
    "times": times,
    "turns": turns,
    "profile": profile,
}


def main() -> None:
    asked = json.load(sys.stdin)
    task = TASKS.get(asked.get("what"))
    if task is None or asked.get("format") != FORMAT:
        said: dict[str, Any] = {"error": "the agent is of another version of dyadic and does not know what is asked"}
    else:
        try:
            said = task(asked)
        except DyadicError as error:
            said = {"error": str(error)}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
