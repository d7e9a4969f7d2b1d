"""The measuring agent: it runs where an artifact will, and tells a compile elsewhere how long things take there.

    python -m dyadic.runtime.agent --make-key agent.key          once; both machines get the file
    python -m dyadic.runtime.agent --listen 0.0.0.0:7878 --key-file agent.key

It needs numpy alone. What is asked is done only if the shared key signed it (`agent_frames.py`), one measurement at a
time; others wait a while, or hear that it is busy. Artifacts lie in a folder of their own while they are measured, and
a process of its own runs them. **They hold machine code: whoever has the key can run any program as the user who
started the agent.**
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from dyadic.runtime.agent_frames import (
    ANSWERING,
    ASKING,
    CHALLENGE,
    MAGIC,
    MOST_FILES,
    MOST_REQUEST,
    Link,
    Refused,
    address_of,
    make_key,
    read_key,
)
from dyadic.runtime.commands.line import Parser
from dyadic.runtime.errors import DyadicError, MachineError

MOST_CONNECTIONS = 16  # at a time; who is not known yet has a few seconds each
WAIT_SECONDS = 20.0  # for the measurement of somebody else
TASK_SECONDS = 1800.0
TASK = (sys.executable, "-P", "-m", "dyadic.runtime.cpu.agent_task")


class Agent:
    """Listens until `close`; `serve` is the loop. say: is told of each request."""

    def __init__(self, host: str, port: int, key: bytes, say: Any = print) -> None:
        self.key, self.say = key, say
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self.socket = socket.create_server((host, port), family=family)
        except OSError as error:
            why = (error.strerror or str(error)).partition(" (while ")[0]  # its address follows, in Python's words
            raise MachineError(f"--listen {host}:{port}: {why}") from None
        self.address = self.socket.getsockname()[:2]
        self.turn = threading.Lock()
        self.places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.closed = False

    def serve(self) -> None:
        """Answer whoever connects, until the agent is closed."""
        while not self.closed:
            try:
                connection, (host, *_) = self.socket.accept()
            except OSError:
                return
            if not self.places.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self.answer, args=(connection, host), daemon=True).start()

    def close(self) -> None:
        self.closed = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def answer(self, connection: socket.socket, host: str) -> None:
        """One connection is one request."""
        try:
            with connection:
                link = Link(connection, self.key, secrets.token_bytes(CHALLENGE))
                connection.settimeout(WAIT_SECONDS)
                connection.sendall(MAGIC + link.challenge)
                self.answered(link, host)
        except Refused as refused:
            self.say(f"{host}: refused: {refused}")
        except (TimeoutError, EOFError):
            self.say(f"{host}: refused: the request did not arrive in time, or not whole")
        except OSError as error:
            self.say(f"{host}: {error.strerror or error}")
        finally:
            self.places.release()

    def answered(self, link: Link, host: str) -> None:
        """Read a request, and do what it says."""
        try:
            asked = link.receive(ASKING, most=MOST_REQUEST)
        except Refused:
            with suppress(OSError):
                link.send(ANSWERING, {"refused": True})  # which only who has the key can believe
            raise
        files = asked.get("files", [])
        if not isinstance(files, list) or len(files) > MOST_FILES:
            raise Refused(f"more than {MOST_FILES} files")
        if not self.turn.acquire(timeout=WAIT_SECONDS):
            link.send(ANSWERING, {"busy": True})
            self.say(f"{host}: busy")
            return
        try:
            with tempfile.TemporaryDirectory(prefix="dyadic-agent-") as folder:
                paths = []
                for number, named in enumerate(files):
                    paths.append(Path(folder) / f"{number}.dyq")
                    with paths[-1].open("xb") as file:
                        link.receive_file(named, file)
                start = time.monotonic()
                said = run_task(asked | {"files": list(map(str, paths))}, link.socket)
        finally:
            self.turn.release()
        link.socket.settimeout(WAIT_SECONDS)
        link.send(ANSWERING, said)
        outcome = said.get("error", "done")
        self.say(f"{host}: {asked.get('what')} of {len(paths)} files in {time.monotonic() - start:.1f} s: {outcome}")


def run_task(asked: dict[str, Any], asker: socket.socket) -> dict[str, Any]:
    """What a process of its own says; it is ended where it takes too long, or nobody waits for it any more."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        task = subprocess.Popen(TASK, stdin=subprocess.PIPE, stdout=said, stderr=errors, start_new_session=True)
        try:
            assert task.stdin is not None
            with suppress(BrokenPipeError):
                task.stdin.write(json.dumps(asked).encode())
                task.stdin.close()
            end = time.monotonic() + TASK_SECONDS
            while task.poll() is None:
                if time.monotonic() > end:
                    return {"error": f"the measurement took more than {TASK_SECONDS:.0f} s"}
                if gone(asker):
                    raise EOFError
                time.sleep(0.02)
        finally:
            if task.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(task.pid, signal.SIGKILL)
                task.wait()
        said.seek(0)
        errors.seek(0)
        if task.returncode == 0:
            return json.loads(said.read())
        last = errors.read().decode(errors="replace").strip().splitlines()[-1:] or [""]
        return {"error": f"the process that ran the code ended (exit {task.returncode}) {last[0]}".rstrip()}


def gone(asker: socket.socket) -> bool:
    """Whether the other side has closed the connection."""
    asker.setblocking(False)
    try:
        return asker.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        asker.setblocking(True)


def main(words: list[str] | None = None) -> int:
    parser = Parser(
        prog="python -m dyadic.runtime.agent",
        description="Tell compiles on other machines how long their artifacts take on this one.",
        epilog="Whoever has the key can run any program as the user who starts this.",
    )
    parser.add_argument("--listen", metavar="HOST:PORT", help="as 0.0.0.0:7878; 127.0.0.1:7878 behind an SSH tunnel")
    parser.add_argument("--key-file", metavar="FILE", type=Path, help="the key that signs requests")
    parser.add_argument("--make-key", metavar="FILE", type=Path, help="write a new key, and end")
    try:
        given = parser.parse_args(words)
        if given.make_key is not None:
            make_key(given.make_key)
            return 0
        if given.listen is None or given.key_file is None:
            parser.error("--listen HOST:PORT and --key-file FILE are needed, or --make-key FILE")
        agent = Agent(*address_of(given.listen, "--listen"), read_key(given.key_file, "--key-file"), say)
    except DyadicError as error:
        print(f"dyadic: {error}", file=sys.stderr)
        return error.exit_code
    say(f"listening on {agent.address[0]}:{agent.address[1]}")
    try:
        agent.serve()
    except KeyboardInterrupt:
        agent.close()
        return 130
    return 0


def say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
