"""`python -m benchmarks.gpu prepare|run|predict|spills|launches|table`; imports what each needs when it is called."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import benchmarks.gpu
from dyadic.runtime.errors import DyadicError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=benchmarks.gpu.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="make the folder that `run` takes along")
    prepare.add_argument("folder", type=Path)
    prepare.add_argument("--groups", default="timed,small", help="of networks, of timed, small, tiny")
    prepare.add_argument("--networks", help="of these groups, only these")
    prepare.add_argument("--architecture", default="sm_90a", help="what cubins are made for")
    prepare.add_argument("--no-kernels", action="store_true", help="record no launches of tests")
    prepare.add_argument("--no-tiles", action="store_true", help="make no kernels in other tiles")
    run = commands.add_parser("run", help="compute and measure")
    run.add_argument("folder", type=Path)
    run.add_argument("--json", type=Path, required=True, help="what was found; written again after each answer")
    run.add_argument("--parts", help="only these, by name, with commas between them")
    run.add_argument("--seconds", type=float, default=400, help="for all of it (default: 400)")
    run.add_argument("--repeats", type=int, help="of what is timed (default: 30); below 5, work is small, too")
    predict = commands.add_parser("predict", help="what a model says of ResNet-50")
    predict.add_argument("folder", type=Path, help="what `prepare` made")
    spills = commands.add_parser("spills", help="ask the assembler which kernels of all networks spill")
    spills.add_argument("log", type=Path, help="lines of JSON; what it has is not compiled again")
    spills.add_argument("--groups", default="replay,widths,zoo,tests", help="of networks (default: all)")
    spills.add_argument("--only", metavar="PATTERN", default="*", help="networks whose name matches, as in 'deit*'")
    launches = commands.add_parser("launches", help="count the launches of a run of every network")
    launches.add_argument("networks", nargs="*", help="only these of benchmarks.networks")
    table = commands.add_parser("table", help="write docs/gpu.md")
    table.add_argument("json", type=Path, nargs="?", help="what `run` wrote (default: what it was last given)")
    part = commands.add_parser("part")
    for name, kind in (("name", str), ("folder", Path), ("first", int), ("said", Path)):
        part.add_argument(name, type=kind)
    given = parser.parse_args(arguments)
    try:
        return _do(given)
    except DyadicError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _do(given: argparse.Namespace) -> int:
    if given.command == "prepare":
        from benchmarks.gpu.prepare import Wanted, prepare

        wanted = Wanted(given.groups.split(","), architecture=given.architecture)
        if given.networks:
            wanted = replace(wanted, networks=given.networks.split(","))
        if given.no_kernels:
            wanted = replace(wanted, tests=())
        if given.no_tiles:
            wanted = replace(wanted, swept=(), sides=())
        prepare(given.folder, wanted)
    elif given.command in ("run", "part"):
        from benchmarks.gpu import run
        from benchmarks.gpu.device import REPEATS_VARIABLE

        if given.command == "part":
            run.child(given.name, given.folder, given.first, given.said)
            return 0
        if given.repeats:
            os.environ[REPEATS_VARIABLE] = str(given.repeats)
        names = given.parts.split(",") if given.parts else list(run.BY_NAME)
        return run.run(given.folder, given.json, names, given.seconds)
    elif given.command == "predict":
        from benchmarks.gpu.prediction import predict, save

        save(predict(given.folder))
    elif given.command == "spills":
        from benchmarks.gpu.spills import run as assembled

        return assembled(given.log, given.groups.split(","), given.only)
    elif given.command == "launches":
        from benchmarks.gpu.launches import count

        count(given.networks)
    else:
        from benchmarks.gpu.table import write

        write(given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
