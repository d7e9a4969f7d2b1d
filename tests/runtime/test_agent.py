"""The measuring agent: it does what the key has signed, once, and nothing else, whatever else arrives."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dyadic.runtime import agent as agents
from dyadic.runtime import agent_frames
from dyadic.runtime.agent import Agent, main
from dyadic.runtime.agent_frames import (
    ANSWERING,
    ASKING,
    CHALLENGE,
    FORMAT,
    MAGIC,
    MOST_REQUEST,
    Link,
    Refused,
    make_key,
    read_key,
)
from dyadic.runtime.errors import FileError, UsageError

KEY, OTHER = b"k" * 32, b"o" * 32
ASKED = {"what": "times", "format": FORMAT}


class Served:
    """An agent whose tasks are written down instead of being run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.tasks: list[tuple[dict[str, Any], list[bytes]]] = []
        monkeypatch.setattr(agents, "run_task", self.run)
        self.agent = Agent("127.0.0.1", 0, KEY, self.said.append)
        threading.Thread(target=self.agent.serve, daemon=True).start()

    def run(self, asked: dict[str, Any], asker: socket.socket) -> dict[str, Any]:
        self.tasks.append((asked, [Path(path).read_bytes() for path in asked["files"]]))
        return {"number": len(self.tasks)}

    def connect(self, key: bytes = KEY) -> Link:
        connection = socket.create_connection(self.agent.address, 5)
        hello = Link(connection, key, b"").exactly(len(MAGIC) + CHALLENGE, time.monotonic() + 5)
        assert hello.startswith(MAGIC)
        return Link(connection, key, hello[len(MAGIC) :])

    def refusal(self) -> str:
        """What the agent says at last."""
        end = time.monotonic() + 5
        while not self.said and time.monotonic() < end:
            time.sleep(0.005)
        assert not self.tasks
        return self.said[-1]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(agent_frames, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(agents, "WAIT_SECONDS", 0.3)
    one = Served(monkeypatch)
    yield one
    one.agent.close()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "one", tmp_path / "other"]
    for path, content in zip(paths, (b"a" * 100_000, b""), strict=True):
        path.write_bytes(content)
    return paths


def request_of(link: Link, files: list[Path], said: dict[str, Any] = ASKED) -> bytes:
    """The bytes of a request, as they would be sent."""

    class Written:
        def __init__(self) -> None:
            self.bytes = b""

        def sendall(self, piece: bytes) -> None:
            self.bytes += piece

        def sendfile(self, file: Any) -> None:
            self.bytes += file.read()

    into: Any = Written()
    Link(into, link.key, link.challenge).send(ASKING, said, files)
    return into.bytes


def test_what_is_signed_is_done_and_answered_and_nothing_of_it_is_left(served: Served, files: list[Path]) -> None:
    link = served.connect()
    link.send(ASKING, ASKED, files)
    assert link.receive(ANSWERING) == {"number": 1}
    ((asked, contents),) = served.tasks
    assert contents == [b"a" * 100_000, b""] and asked["what"] == "times"
    assert not any(Path(path).parent.exists() for path in asked["files"])


def test_another_key_is_refused(served: Served, files: list[Path]) -> None:
    link = served.connect(OTHER)
    link.send(ASKING, ASKED, files[1:])
    with pytest.raises(Refused):
        link.receive(ANSWERING)
    assert "refused: it is not signed with the agent's key" in served.refusal()


def test_what_was_heard_before_is_refused(served: Served, files: list[Path]) -> None:
    first = served.connect()
    heard = request_of(first, files)
    first.socket.sendall(heard)
    assert first.receive(ANSWERING) == {"number": 1}
    assert first.socket.recv(1) == b""  # one request a connection
    while not served.said:
        time.sleep(0.005)
    served.tasks.clear()
    served.said.clear()
    served.connect().socket.sendall(heard)
    assert "not signed" in served.refusal()


def test_an_answer_is_no_request(served: Served) -> None:
    link = served.connect()
    text = b'{"what": "times"}'
    link.socket.sendall(len(text).to_bytes(4, "little") + text + link.signature(ANSWERING, text))
    assert "not signed" in served.refusal()


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.001, 0.5, 0.999])
def test_half_a_request_is_refused(served: Served, files: list[Path], share: float) -> None:
    link = served.connect()
    whole = request_of(link, files)
    link.socket.sendall(whole[: int(share * len(whole))])
    link.socket.close()
    assert "did not arrive in time, or not whole" in served.refusal()


def test_a_request_that_never_comes_ends_by_itself(served: Served, files: list[Path]) -> None:
    link = served.connect()
    link.socket.sendall(request_of(link, files)[:10])  # and then nothing
    assert "did not arrive in time" in served.refusal()
    assert link.socket.recv(1) == b""


def test_a_request_that_trickles_without_end_is_ended(served: Served) -> None:
    link, start = served.connect(), time.monotonic()
    with pytest.raises(OSError):
        link.socket.sendall((1 << 19).to_bytes(4, "little"))
        while time.monotonic() - start < 5:
            link.socket.sendall(b"x")
            time.sleep(0.01)
    assert "did not arrive in time" in served.refusal() and time.monotonic() - start < 4


@pytest.mark.parametrize("length", [MOST_REQUEST + 1, (1 << 32) - 1])
def test_a_request_that_says_it_is_huge_is_refused_at_once(served: Served, length: int) -> None:
    link = served.connect()
    link.socket.sendall(length.to_bytes(4, "little"))
    assert "longer than the" in served.refusal()


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"bytes": 4, "sha256": "0" * 64}, "not the one that was signed"),
        ({"bytes": 1 << 40, "sha256": "0" * 64}, "a file has no size"),
        ({"bytes": -1}, "a file has no size"),
        ("no file", "a file has no size"),
    ],
)
def test_a_file_that_is_not_as_it_was_signed_is_refused(served: Served, named: Any, said: str) -> None:
    link = served.connect()
    link.send(ASKING, ASKED | {"files": [named]})
    link.socket.sendall(b"good")
    assert said in served.refusal()


@pytest.mark.parametrize("files", ["text", [{}] * 65])
def test_too_many_files_are_refused(served: Served, files: Any) -> None:
    served.connect().send(ASKING, ASKED | {"files": files})
    assert "more than 64 files" in served.refusal()


def test_one_measurement_at_a_time(served: Served, files: list[Path]) -> None:
    link = served.connect()
    with served.agent.turn:
        link.send(ASKING, ASKED, files)
        assert link.receive(ANSWERING) == {"busy": True}
    assert "busy" in served.refusal()
    later = served.connect()
    later.send(ASKING, ASKED, files)
    assert later.receive(ANSWERING) == {"number": 1}


def test_no_more_connections_than_there_are_places_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.agent.places = threading.BoundedSemaphore(1)
    first = served.connect()
    with pytest.raises((EOFError, OSError)):
        served.connect()
    first.socket.close()


def test_a_key_is_long_and_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_key(path)
    assert len(read_key(path, "--key-file")) == 64 and path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileError, match="File exists"):
        make_key(path)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        read_key(path, "--key-file")
    path.write_text("short")
    with pytest.raises(UsageError, match="holds 5 bytes, a key has 32 or more"):
        read_key(path, "--key-file")
    with pytest.raises(FileError, match=r"--key-file .*none cannot be read: No such file"):
        read_key(tmp_path / "none", "--key-file")


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "key"
    assert main(["--make-key", str(key)]) == 0
    for words, code, said in (
        (["--listen", "here", "--key-file", str(key)], 2, "--listen takes host:port, as board:7878, not 'here'"),
        (["--listen", "127.0.0.1:99999", "--key-file", str(key)], 2, "takes host:port"),
        (["--listen", "127.0.0.1:0x10", "--key-file", str(key)], 2, "takes host:port"),
        (["--listen", "127.0.0.1:7878", "--key-file", str(key) + "x"], 6, "No such file"),
        (["--listen", "192.0.2.1:7878", "--key-file", str(key)], 7, "--listen 192.0.2.1:7878: Cannot assign"),
        (["--lissten", "127.0.0.1:7878"], 2, "Unrecognized arguments: --lissten"),
        ([], 2, "--listen HOST:PORT and --key-file FILE are needed"),
    ):
        assert main(words) == code
        error = capsys.readouterr().err
        assert said in error and error.startswith("dyadic: ") and error.count("\n") == 1


def test_what_is_asked_is_done_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asker, other = socket.socketpair()
    with asker, other:
        said = agents.run_task({"what": "magic", "format": FORMAT, "files": []}, asker)
        assert "another version of dyadic" in said["error"]
        monkeypatch.setattr(agents, "TASK", (sys.executable, "-c", "import os; os.abort()"))
        assert "the process that ran the code ended (exit -6)" in agents.run_task({}, asker)["error"]
        monkeypatch.setattr(agents, "TASK", (sys.executable, "-c", "import time; time.sleep(60)"))
        monkeypatch.setattr(agents, "TASK_SECONDS", 0.1)
        assert "took more than" in agents.run_task({}, asker)["error"]
        other.close()
        with pytest.raises(EOFError):  # nobody waits for it
            agents.run_task({}, asker)
