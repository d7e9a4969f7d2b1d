"""The workers of a Dask cluster (https://distributed.dask.org), where one machine is too small.

A worker that gives other bits is not asked: one with other versions is refused, one whose processor rounds floats
otherwise is left out. What all tasks read goes to each worker once. A worker that is killed takes nothing with it: Dask
computes its tasks again, and what only it held is sent again. A task of ours that is under way on a worker ends there
by itself where it is interrupted here.

Each worker has the next task while it is at one, so that none waits for us, and no more than that: with every task, it
hears of the kernels that others have made in the meantime.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.keep.handed import Handed
from dyadic.compiler.workers.identity import FLOATS, difference, identity
from dyadic.compiler.workers.there import compute_there, identity_there, message
from dyadic.compiler.workers.workers import TRIES, Result, Sent, Shared, Workers, ignore
from dyadic.runtime.errors import MachineError, ResourceError, UsageError

# Dask's own types say that each call may be a coroutine, which depends on how the client was made.
Client = Any
Future = Any

CONNECT_SECONDS = 7
WORKERS_SECONDS = 60.0  # without a single worker before we give up
LOOK_SECONDS = 2.0  # between looks at whether there is a worker
AHEAD = 2  # tasks that a worker has at a time: one to compute, one to go on with


class Cluster(Workers):
    """The workers of a scheduler, each of which computes one task at a time, whatever its threads.

    given: the address of a scheduler, or a client, which stays open. warn: is told of workers that are left out. cache:
    code in it is handed to workers, and what they make goes into it.

    Raises:
        UsageError: `distributed` is not installed.
        MachineError: no scheduler answers, it has no worker, or a worker has other versions.
    """

    def __init__(self, given: str | Client, warn: Callable[[str], object], cache: Cache | None = None) -> None:
        super().__init__()
        self.cache = cache or Cache()
        self.handed = self.cache.handed or Handed()
        self.told: dict[str, int] = {}  # how many rows of `handed` each worker has been sent
        try:
            from distributed import Client as Connected  # pyright: ignore[reportMissingImports]
        except ModuleNotFoundError as missing:
            raise UsageError(
                f"--cluster needs the package '{missing.name}'; try: pip install 'dyadic[cluster]'"
            ) from None
        self.own = isinstance(given, str)
        self.address = given if isinstance(given, str) else str(given.scheduler_info()["address"])
        self.client: Client = self.connected(Connected, given) if self.own else given
        self.blobs: dict[str, Future] = {}
        self.given: dict[str, set[str]] = {}  # the blobs that a task took along to each worker
        self.chosen: list[str] | None = None  # the workers that are asked; None: all, also those that come later
        try:
            self.choose(warn)
        except BaseException:
            self.close()
            raise

    def connected(self, kind: Any, address: Any) -> Client:
        """A client, or nothing within some seconds: what listens there may never say a word."""
        found = list[Any]()

        def connect() -> None:
            try:
                found.append(kind(address, timeout=CONNECT_SECONDS, set_as_default=False))
            except (OSError, ValueError) as error:
                found.append(error)

        thread = threading.Thread(target=connect, daemon=True)
        thread.start()
        thread.join(CONNECT_SECONDS + 1)
        if found and not isinstance(found[0], Exception):
            return found[0]
        why = first_line(found[0]) if found else "no answer in time"
        raise MachineError(
            f"--cluster {self.address}: no Dask scheduler answers there ({why}); start one with `dask scheduler`, or "
            "give the address of another"
        )

    def choose(self, warn: Callable[[str], object]) -> None:
        """Which workers are asked."""
        there = self.wait_for_a_worker(CONNECT_SECONDS)
        said: dict[str, Any] = self.client.run(identity_there, on_error="return")
        same = []
        for address in there:
            seen, mine = said.get(address), identity()
            if isinstance(seen, BaseException) or not isinstance(seen, dict):
                raise MachineError(
                    f"--cluster {self.address}: the worker {address} cannot import this dyadic ({first_line(seen)}); "
                    "install the same version, with dyadic[compile], where its workers run"
                )
            if other := [name for name in mine if name != FLOATS and seen.get(name) != mine[name]]:
                raise MachineError(f"--cluster {self.address}: the worker {address} {difference(other, seen, mine)}")
            if seen.get(FLOATS) == mine[FLOATS]:
                same.append(address)
        if len(same) == len(there):
            return
        if not same:
            raise MachineError(
                f"--cluster {self.address}: the processors of its workers round floats otherwise than this one does, "
                "so that they would find another plan; compile on a machine like theirs"
            )
        self.chosen = same
        warn(
            f"{len(there) - len(same)} of {len(there)} workers of {self.address} are left out: their processors round "
            "floats otherwise than this one does"
        )

    @property
    def most(self) -> int:
        there = self.client.nthreads()
        return max(1, len(there if self.chosen is None else [one for one in self.chosen if one in there]))

    def abreast(self, tasks: int, seconds: float) -> int:
        del tasks, seconds
        return self.most

    def run(
        self,
        task: Callable[..., Result],
        shared: Sequence[Shared[Any]],
        arguments: Sequence[object],
        done: Callable[[Result], object] = ignore,
    ) -> list[Result]:
        results: dict[int, Result] = {}
        sent = [self.sent(one) for one in shared]
        for _ in range(TRIES):
            left = [i for i in range(len(arguments)) if i not in results]
            for i, future in self.finished(left, lambda i, place: self.submit(task, sent, arguments[i], place)):
                if future.status == "error":
                    raise_of(future, self.address)
                if isinstance(reply := reply_of(future), bytes):
                    results[i], made = pickle.loads(reply)
                    self.hand(made)
                    done(results[i])
                else:  # the process beside a worker was a new one, or the worker that held its result is lost
                    self.given.clear()
            if len(results) == len(arguments):
                return [results[i] for i in range(len(arguments))]
        raise MachineError(
            f"--cluster {self.address}: its workers were lost {TRIES} times with what had been sent to them"
        )

    def submit(self, task: Callable[..., Any], sent: Sequence[Sent], argument: object, place: str) -> Future:
        """One task, for the worker at `place` if it is still there; what it reads is sent where it is not there."""
        names = [one.sha256 for one in sent]
        blobs = list[Future]()
        if self.chosen is not None or not self.given.setdefault(place, set()).issuperset(names):
            blobs = [self.blob(one) for one in sent]
            self.given.setdefault(place, set()).update(names)
        new = self.handed.since(self.told.get(place, 0))
        self.told[place] = self.handed.count
        return self.client.submit(
            compute_there,
            message(new, task, sent, argument),
            names,
            *blobs,
            pure=False,
            workers=[place] if self.chosen is None else self.chosen,
            allow_other_workers=self.chosen is None,
        )

    def blob(self, sent: Sent) -> Future:
        """What tasks read, where the workers are. Dask keeps it once, for those that have not opened it yet."""
        if sent.sha256 not in self.blobs or self.blobs[sent.sha256].status != "finished":
            (self.blobs[sent.sha256],) = self.client.scatter(
                [sent.path.read_bytes()],
                workers=self.chosen,
                broadcast=True,
                hash=False,
                timeout=int(WORKERS_SECONDS),
            )
        return self.blobs[sent.sha256]

    def forget_lost(self) -> bool:
        """Whether something that tasks read is lost with the last worker that held it; it is sent again when needed."""
        lost = [name for name, blob in self.blobs.items() if blob.status != "finished"]
        for name in lost:
            del self.blobs[name]
        return bool(lost)

    def hand(self, made: Mapping[str, bytes]) -> None:
        """Code that a worker has made is known here, too."""
        self.handed.put(made)
        self.cache.write("code", made)

    def finished(self, left: Sequence[int], submit: Callable[[int, str], Future]) -> Iterator[tuple[int, Future]]:
        """Submit the tasks `left`, a few at a time; each with its future as it ends, however it ends; those that are
        under way at an interrupt are cancelled."""
        from distributed import wait  # pyright: ignore[reportMissingImports]

        waiting, pending = list(left), dict[int, tuple[Future, str]]()
        try:
            while waiting or pending:
                for place in self.free([place for _, place in pending.values()], len(waiting)):
                    i = waiting.pop(0)
                    pending[i] = submit(i, place), place
                try:
                    with self.client.as_current():
                        wait([one for one, _ in pending.values()], timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
                except TimeoutError:
                    self.wait_for_a_worker(WORKERS_SECONDS)
                    if self.forget_lost():  # tasks may wait for it forever
                        self.client.cancel([one for one, _ in pending.values()])
                except CancelledError:
                    pass  # one of them is lost, as its status says
                for i in [i for i, (future, _) in pending.items() if future.status != "pending"]:
                    yield i, pending.pop(i)[0]
        finally:
            if pending and self.client.status == "running":
                self.client.cancel([future for future, _ in pending.values()])

    def free(self, busy: Sequence[str], waiting: int) -> list[str]:
        """The workers that the next of the waiting tasks are for, by where the others are: none is given a second one
        while there are as many workers as tasks."""
        if not waiting:
            return []
        there = self.wait_for_a_worker(WORKERS_SECONDS)
        load = {place: 0 for place in there if self.chosen is None or place in self.chosen}
        load |= {place: count for place, count in Counter(busy).items() if place in load}
        places = list[str]()
        while len(places) < waiting:
            place = min(load, key=lambda one: load[one])
            if load[place] >= (AHEAD if waiting - len(places) > len(load) else 1):
                break
            load[place] += 1
            places.append(place)
        return places

    def wait_for_a_worker(self, seconds: float) -> list[str]:
        """The workers there are, once there is one."""
        end = time.monotonic() + seconds
        while True:
            if self.client.status != "running":
                raise MachineError(f"--cluster {self.address}: the scheduler is gone; with --resume a search goes on")
            there = self.client.nthreads()
            if there and (self.chosen is None or any(one in there for one in self.chosen)):
                return list(there)
            if time.monotonic() > end:
                raise MachineError(
                    f"--cluster {self.address}: no worker is connected to the scheduler; start some with "
                    f"`dask worker {self.address}`"
                )
            time.sleep(0.1)

    def close(self) -> None:
        self.blobs.clear()
        self.given.clear()
        if self.own and self.client.status != "closed":
            self.client.close()
        super().close()


def reply_of(future: Future) -> bytes | list[str] | None:
    """Of a task that has ended well; None where it or its result is lost."""
    try:
        return future.result() if future.status == "finished" else None
    except CancelledError:
        return None


def raise_of(future: Future, address: str) -> None:
    """What a task raised, in a sentence where it is Dask that says it."""
    from distributed.scheduler import KilledWorker  # pyright: ignore[reportMissingImports]

    error = future.exception()
    if isinstance(error, KilledWorker):
        raise ResourceError(
            f"--cluster {address}: a task of the search ended each of {error.allowed_failures + 1} workers that "
            "computed it, as where memory runs out; workers with more memory may compute it"
        ) from None
    assert error is not None
    raise error


def first_line(error: object) -> str:
    """Of what somebody else said."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
