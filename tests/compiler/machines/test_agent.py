"""Times from an agent, as a compile asks for them: the same as in place, and a sentence where there are none."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import DIGITS
from support.stages import compiled

from dyadic.compiler import cost
from dyadic.compiler.compiled import Compiled
from dyadic.compiler.driver import for_machine
from dyadic.compiler.job import Job
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.machines import agent as client
from dyadic.compiler.machines.agent import Agent
from dyadic.compiler.options import Options
from dyadic.runtime import agent as agents
from dyadic.runtime.agent_frames import make_key
from dyadic.runtime.cpu import agent_task, levels
from dyadic.runtime.errors import MachineError, UsageError

LEVEL = "x86-64"


@pytest.fixture(scope="module")
def done() -> Compiled:
    images = np.load(DIGITS / "train.npz")["image"][:32]
    return compiled(DIGITS / "digits.onnx", images, isa=(LEVEL,))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("agent") / "key"
    make_key(path)
    return path


@pytest.fixture(scope="module")
def served(key: Path) -> Iterator[agents.Agent]:
    """An agent of this machine; its tasks run in this process, which has imported everything."""

    def run(asked: dict[str, Any], asker: socket.socket) -> dict[str, Any]:
        try:
            return agent_task.TASKS[asked["what"]](asked)
        except MachineError as error:
            return {"error": str(error)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agents, "run_task", run)
        patch.setattr(agents, "WAIT_SECONDS", 0.2)
        one = agents.Agent("127.0.0.1", 0, key.read_bytes().strip(), lambda _: None)
        threading.Thread(target=one.serve, daemon=True).start()
        yield one
        one.close()


@pytest.fixture(scope="module")
def agent(served: agents.Agent, key: Path) -> Agent:
    return Agent(f"127.0.0.1:{served.address[1]}", key)


def test_an_agent_says_which_machine_it_is(agent: Agent) -> None:
    assert agent.levels == levels.usable() and agent.choose(["x86-64"]) == "x86-64"
    assert agent.machine.processor and agent.threads(1 << 40) == agent.machine.cores and agent.threads(1) == 1
    with pytest.raises(MachineError, match=r"that machine runs code for .*x86-64, the artifact is to hold z80"):
        agent.choose(["z80"])


def test_times_are_of_every_layer_and_kept_for_its_processor(agent: Agent, done: Compiled, tmp_path: Path) -> None:
    variants, cache, rounds = {"int8": done.built.emitted}, Cache(tmp_path), list[int]()
    there = cost.measure(variants, LEVEL, 1, 1, cache, lambda: rounds.append(1), agent)
    here = cost.measure(variants, LEVEL, 1, 1, Cache(None), lambda: None)
    assert there["int8"].layers.keys() == here["int8"].layers.keys() and len(rounds) == cost.ROUNDS
    assert all(isinstance(one, tuple) and 0 < one[1] <= one[0] <= one[2] for one in there["int8"].layers.values())
    again = cost.measure(variants, LEVEL, 1, 1, cache, lambda: pytest.fail("it is known"), agent)
    assert again["int8"].whole == there["int8"].whole
    assert cost.question(variants, LEVEL, 1, 1, agent) == cost.question(variants, LEVEL, 1, 1)  # it is this machine
    (whole,) = agent.in_turns(variants, LEVEL, 1, 2).values()
    assert len(whole.runs) > 1 and whole.median > 0
    steps = agent.profile(done.built.emitted, LEVEL, 1)
    assert [step.layer for step in steps[1:-1]] == [s.layer for s in done.built.emitted.program.timed_steps]


def test_a_compile_has_code_for_the_agents_levels(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(DIGITS / "digits.onnx", np.zeros((1, 1, 8, 8), np.float32))
    assert for_machine(job, None) is job
    monkeypatch.setitem(agent.about, "levels", ["avx2", "x86-64"])
    assert for_machine(job, agent).levels == ("avx2", "x86-64")
    asked = Job(job.model, job.calibration, isa="x86-64")
    assert for_machine(asked, agent) is asked


def test_what_an_agent_cannot_do_is_told_in_a_sentence(agent: Agent, done: Compiled) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agents, "run_task", lambda *_: {"error": "the process that ran the code ended (exit -4)"})
        with pytest.raises(MachineError, match=r"--measure-on 127.0.0.1:\d+: the process that ran the code ended"):
            agent.profile(done.built.emitted, LEVEL, 1)


def test_busy_is_waited_for_and_then_told(agent: Agent, served: agents.Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BUSY_SECONDS", 0.0)
    with served.turn, pytest.raises(MachineError, match="the agent is busy with others; try later"):
        agent.ask({"what": "about"}, ())


def test_who_is_no_agent_and_who_has_another_key(
    served: agents.Agent, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.3)
    address = f"127.0.0.1:{served.address[1]}"
    make_key(tmp_path / "other")
    with pytest.raises(UsageError, match=r"the agent has another key than .*other; give the one"):
        Agent(address, tmp_path / "other")
    with pytest.raises(UsageError, match=r"--measure-on needs the agent's key: --measure-key FILE, or DYADIC_"):
        Agent(address, None)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(MachineError, match=r"no answer in time; is an agent listening there\?"):
            Agent(f"127.0.0.1:{port}", key)
    with pytest.raises(MachineError, match=r"no agent answers there \(Connection refused\); start one with"):
        Agent(f"127.0.0.1:{port}", key)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"measure_on": "board"}, "--measure-on takes host:port, as board:7878, not 'board'"),
        ({"measure_on": 7878}, "--measure-on takes host:port"),
        ({"measure_on": "board:7878", "tune": "quick"}, "--tune tries kernels on this machine"),
        ({"measure_on": "board:7878", "measure": False}, "--measure-on says where times are taken, and none are"),
        ({"measure_on": "board:7878", "target": "cuda"}, "takes times of processors, the artifact is for cuda first"),
        ({"measure_key": "agent.key"}, "--measure-key is the key of an agent: say where it is by --measure-on"),
        ({"cluster": "here:8786", "max_size": "0.5x"}, "--cluster takes the address of a Dask scheduler as tcp://"),
        ({"cluster": 7, "max_size": "0.5x"}, "in Python also a distributed.Client, not 7"),
        ({"cluster": "tcp://here:8786"}, "nothing is searched for: give a limit as --max-drop 1%"),
        ({"cluster": "tcp://here:8786", "max_size": "0.5x", "workers": 2}, "leave one of them out"),
        ({"workers": 0}, "--workers must be a whole number from 1 to 1024, not 0"),
    ],
)
def test_what_is_no_way_to_ask(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        Options(**wrong)
    assert said in str(raised.value)
