"""Costs and final times from the machine that will run the artifact: the compile's side of `runtime/agent.py`.

Its levels are those that code is made for, its processor is what times are kept under. What a plan answers is still
seen here: bits are the same on every machine.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from dyadic.compiler.report_schema import Machine
from dyadic.compiler.targets.emitted import Emitted
from dyadic.runtime import timing
from dyadic.runtime.agent_frames import (
    ANSWERING,
    ASKING,
    CHALLENGE,
    FORMAT,
    MAGIC,
    Link,
    Refused,
    address_of,
    read_key,
)
from dyadic.runtime.errors import MachineError, UsageError
from dyadic.runtime.in_place import Rounds, Times
from dyadic.runtime.session import StepTime, threads_within

CONNECT_SECONDS = 8.0
BUSY_SECONDS = 300.0  # for the measurements of others
ANSWER_SECONDS = 2000.0  # of one measurement
ABOUT_SECONDS = 180.0  # a checkout builds its native library at first
KEY_VARIABLE = "DYADIC_MEASURE_KEY"


class Agent:
    """One agent, asked at once who it is.

    address: as host:port. key: the file with the shared key; None where nobody named one.

    Raises:
        UsageError: no key, or not the agent's.
        FileError: the key cannot be read.
        MachineError: nobody answers, or it is no agent of this version.
    """

    def __init__(self, address: str, key: Path | None) -> None:
        if key is None:
            raise UsageError(f"--measure-on needs the agent's key: --measure-key FILE, or {KEY_VARIABLE}")
        self.address, self.key_file = address, key
        self.place, self.key = address_of(address, "--measure-on"), read_key(key, "--measure-key")
        self.about: dict[str, Any] = self.ask({"what": "about"}, (), ABOUT_SECONDS)

    @property
    def levels(self) -> tuple[str, ...]:
        """What it can run, best first."""
        return tuple(self.about["levels"])

    def choose(self, levels: Collection[str]) -> str:
        """The best of these that it can run. Raises MachineError."""
        found = next((level for level in self.levels if level in levels), None)
        if found is None:
            raise MachineError(
                f"--measure-on {self.address}: that machine runs code for {', '.join(self.levels)}, the artifact is to "
                f"hold {', '.join(levels)}: choose others with --isa, or leave it out"
            )
        return found

    def threads(self, macs: int) -> int:
        """As many as a session would have there."""
        return threads_within(macs, int(self.about["cores"]))

    def identity(self, level: str) -> dict[str, Any]:
        """What makes it as fast as it is."""
        return self.about["identity"][level]

    @cached_property
    def machine(self) -> Machine:
        """For the report."""
        return Machine(self.about["processor"], int(self.about["cores"]), self.about["system"])

    def times(
        self,
        variants: Mapping[str, Emitted],
        level: str,
        threads: int,
        batch: int,
        rounds: Rounds,
        done: Callable[[], object],
    ) -> dict[str, Times]:
        """Of artifacts of one network, against each other."""
        asked = {"what": "times", "level": level, "threads": threads, "batch": batch, "rounds": asdict(rounds)}
        with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
            answer = self.ask(asked, written(variants.values(), Path(folder)))
        for _ in range(rounds.least):
            done()
        found = [Times(**one | {"layers": {n: tuple(t) for n, t in one["layers"].items()}}) for one in answer["times"]]
        return dict(zip(variants, found, strict=True))

    def in_turns(
        self, variants: Mapping[str, Emitted], level: str, threads: int, batch: int
    ) -> dict[str, timing.Times]:
        """Of whole networks in turn, as `dyadic bench` and the table of a compile measure them."""
        asked = {"what": "turns", "level": level, "threads": threads, "batch": batch}
        with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
            answer = self.ask(asked, written(variants.values(), Path(folder)))
        return {name: timing.Times(tuple(runs)) for name, runs in zip(variants, answer["runs"], strict=True)}

    def profile(self, emitted: Emitted, level: str, threads: int) -> list[StepTime]:
        """Of every step of a network."""
        with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
            answer = self.ask({"what": "profile", "level": level, "threads": threads}, written([emitted], Path(folder)))
        return [StepTime(**one) for one in answer["steps"]]

    def ask(self, said: dict[str, Any], files: Sequence[Path], seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """The answer to one request; who is busy is asked again."""
        end = time.monotonic() + BUSY_SECONDS
        while True:
            answer = self.asked_once(said | {"format": FORMAT}, files, seconds)
            if "error" in answer:
                raise MachineError(f"--measure-on {self.address}: {answer['error']}")
            if not answer.get("busy"):
                return answer
            if time.monotonic() > end:
                raise MachineError(f"--measure-on {self.address}: the agent is busy with others; try later")

    def asked_once(self, said: dict[str, Any], files: Sequence[Path], seconds: float) -> dict[str, Any]:
        try:
            with socket.create_connection(self.place, CONNECT_SECONDS) as connection:
                hello = Link(connection, self.key, b"").exactly(
                    len(MAGIC) + CHALLENGE, time.monotonic() + CONNECT_SECONDS
                )
                if not hello.startswith(MAGIC):
                    raise MachineError(f"--measure-on {self.address}: what answers there is no agent of this version")
                link = Link(connection, self.key, hello[len(MAGIC) :])
                connection.settimeout(seconds)
                with suppress(BrokenPipeError, ConnectionResetError):  # of who refuses: it has said why
                    link.send(ASKING, said, files)
                return link.receive(ANSWERING, seconds)
        except Refused:
            raise UsageError(
                f"--measure-on {self.address}: the agent has another key than {self.key_file}; give the one that it "
                "was started with as --measure-key"
            ) from None
        except TimeoutError:
            raise MachineError(
                f"--measure-on {self.address}: no answer in time; is an agent listening there?"
            ) from None
        except EOFError:
            raise MachineError(
                f"--measure-on {self.address}: the agent ended the connection; what it prints says why"
            ) from None
        except OSError as error:
            raise MachineError(
                f"--measure-on {self.address}: no agent answers there ({error.strerror or error}); start one with "
                "`python -m dyadic.runtime.agent --listen HOST:PORT --key-file FILE`"
            ) from None


def written(every: Collection[Emitted], folder: Path) -> list[Path]:
    """Artifacts that say nothing of themselves, in files."""
    paths = []
    for number, emitted in enumerate(every):
        paths.append(folder / f"{number}.dyq")
        emitted.write(paths[-1], {})
    return paths
