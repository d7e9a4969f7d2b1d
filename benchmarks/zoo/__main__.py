"""Networks of every kind through whole compiles: which are taken, how near to float, how long, how large.

    python -m benchmarks.zoo --log zoo.jsonl                       all that are listed, one after the other
    python -m benchmarks.zoo unet yolo --log zoo.jsonl             those whose name contains one of these
    python -m benchmarks.zoo model.onnx --shape x=1,3,96,96        a file
    python -m benchmarks.zoo --log zoo.jsonl --table docs/networks.md

Each runs in a process of its own and leaves one line of JSON in the log; what the log has is not run again. Needs
`torchvision` and `timm` beside the project's own extras; a network whose library is missing is skipped by name.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import get_args

from benchmarks.zoo.check import Record, checked
from benchmarks.zoo.networks import GROUPS, exported
from benchmarks.zoo.table import page
from dyadic.compiler.options import Precision

MOST_SECONDS = 900


def child(name: str, folder: Path, given: argparse.Namespace) -> Record:
    """The record of one network, made by a process of its own, which is ended with its code generators when late."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.zoo", name, "--here", "--models", str(folder)]
    command += ["--precision", given.precision, *(f"--shape={one}" for one in given.shape)]
    command += [f"--constant={one}" for one in given.constant]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as started:
        try:
            answer, errors = started.communicate(timeout=given.most_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            return {"taken": False, "late": True, "why": f"not finished in {given.most_seconds} s"}
    if started.returncode:
        said = errors.strip().splitlines()[-12:]
        return {"taken": False, "fault": True, "why": "\n".join(said) or f"ended with {started.returncode}"}
    return json.loads(answer.splitlines()[-1])


def here(name: str, folder: Path, given: argparse.Namespace) -> Record:
    """The same in this process."""
    shapes = {key: [int(n) for n in dims.split(",")] for key, _, dims in (one.rpartition("=") for one in given.shape)}
    constant = {key: float(number) for key, _, number in (one.rpartition("=") for one in given.constant)}
    try:
        path = Path(name) if name.endswith(".onnx") else exported(name, folder)
    except ImportError as error:
        return {"taken": False, "skipped": True, "why": str(error)}
    return checked(path, given.precision, shapes or None, constant or None)


def wanted(names: list[str]) -> list[str]:
    listed = [name for group in GROUPS.values() for name in group]
    if not names:
        return listed
    files = [one for one in names if one.endswith(".onnx")]
    parts = [one for one in names if not one.endswith(".onnx")]
    return [*files, *(name for name in listed if any(one == name if one in listed else one in name for one in parts))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="networks whose name contains one of these, and ONNX files")
    parser.add_argument("--log", type=Path, help="where lines of JSON are kept; networks it has are not run again")
    parser.add_argument("--models", type=Path, help="where exported files are kept; a temporary folder without")
    parser.add_argument("--precision", default="int8", choices=get_args(Precision))
    parser.add_argument("--shape", action="append", default=[], metavar="INPUT=1,3,96,96", help="of open dimensions")
    parser.add_argument("--constant", action="append", default=[], metavar="INPUT=16000", help="of inputs that decide")
    parser.add_argument("--most-seconds", type=int, default=MOST_SECONDS, help="of one network, which is then late")
    parser.add_argument("--table", type=Path, help="run nothing, write the page of what the log has")
    parser.add_argument("--here", action="store_true", help="in this process, the record alone")
    given = parser.parse_args()
    if given.table:
        given.table.write_text(page([json.loads(line) for line in given.log.read_text().splitlines()]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.models or Path(temporary)
        if given.here:
            print(json.dumps(here(given.names[0], folder, given)))
            return
        log = given.log.read_text().splitlines() if given.log and given.log.exists() else []
        done = {json.loads(line)["name"] for line in log}
        for name in wanted(given.names):
            if name in done:
                continue
            line = json.dumps({"name": name, **child(name, folder, given)})
            print(line, flush=True)
            if given.log:
                with given.log.open("a") as file:
                    file.write(line + "\n")


if __name__ == "__main__":
    main()
