"""A real Dask scheduler with two workers: the same results, a killed worker loses nothing, and what refuses it."""

import operator
import os
import signal
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.keep.handed import Handed
from dyadic.compiler.workers import cluster as clusters
from dyadic.compiler.workers import there
from dyadic.compiler.workers.cluster import Cluster
from dyadic.compiler.workers.identity import difference, identity
from dyadic.compiler.workers.workers import Shared, Workers
from dyadic.runtime.errors import MachineError, ResourceError

pytestmark = pytest.mark.slow
NUMBERS = np.arange(6, dtype=np.float32)


FIRST = Shared(NUMBERS, lambda: [NUMBERS], operator.itemgetter(0))

# evaluated in `child.py`: what was handed to a worker, which makes a row of its own
KNOWN = "(set(HANDED.rows), HANDED.put({str(os.getpid()): b'code'}), __import__('time').sleep(0.1))[0]"


def test_two_workers_give_what_this_process_gives_though_one_is_killed() -> None:
    distributed = pytest.importorskip("distributed", reason="needs dyadic[cluster]")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local:
        with Cluster(local.scheduler_address, lambda said: pytest.fail(said)) as workers:
            assert workers.most == workers.abreast(1, 0.0) == 2
            wanted = Workers().run(operator.mul, [FIRST], range(8))
            assert [a.tolist() for a in workers.run(operator.mul, [FIRST], range(8))] == [a.tolist() for a in wanted]
            with pytest.raises(ZeroDivisionError):
                workers.run(operator.truediv, [Shared(1, lambda: [1], operator.itemgetter(0))], [0])
            victims = dict(workers.client.run(os.getpid))
            place = next(iter(victims))
            beside = workers.client.run(there.ask, os.getpid, workers=[place])[place]
            sleep = Shared(time.sleep, lambda: [time.sleep], operator.itemgetter(0))
            done = list[None]()

            def kill(_: object) -> None:
                """Each once: what only one of them held is lost, too."""
                done.append(None)
                if len(done) % 8 == 1:
                    os.kill(victims.popitem()[1], signal.SIGKILL)

            assert workers.run(operator.call, [sleep], [0.3] * 16, kill) == done == [None] * 16 and not victims
            end = time.monotonic() + 10
            while Path(f"/proc/{beside}").exists():
                assert time.monotonic() < end
                time.sleep(0.1)
            with pytest.raises(ResourceError, match=r"ended each of the 3 processes .*SIGKILL.*more memory"):
                workers.run(signal.raise_signal, [], [signal.SIGKILL])
            cache = Cache(None, handed=Handed())
            with Cluster(local.scheduler_address, lambda said: pytest.fail(said), cache) as workers:
                assert cache.handed is not None
                cache.handed.put({"here": b"code"})
                seen = workers.run(eval, [], [KNOWN] * 10)
                assert all("here" in one for one in seen)
                assert len(seen[-1]) == 3 and seen[-1] == seen[-2] == set(cache.handed.rows)
        with distributed.Client(local) as client:
            with Cluster(client, lambda said: pytest.fail(said)) as workers:
                assert workers.run(operator.mul, [FIRST], [2])[0].tolist() == (2 * NUMBERS).tolist()
            assert client.status == "running"


def test_nobody_there_is_told_within_ten_seconds() -> None:
    pytest.importorskip("distributed", reason="needs dyadic[cluster]")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(MachineError, match=r"no Dask scheduler answers there"):
            Cluster(f"tcp://127.0.0.1:{port}", print)
    with pytest.raises(MachineError, match=r"no Dask scheduler answers there"):
        Cluster(f"tcp://127.0.0.1:{port}", print)
    assert time.monotonic() - start < 2 * clusters.CONNECT_SECONDS + 4


def test_other_versions_are_told_by_name() -> None:
    mine = identity()
    assert difference(["numpy"], mine | {"numpy": "1.0"}, mine).startswith("has other versions (numpy 1.0, here ")
    assert "another dyadic than here" in difference(["dyadic"], mine, mine)
