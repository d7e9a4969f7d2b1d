"""Which kernels keep numbers in memory for want of registers: `python -m benchmarks.gpu spills LOG`. Needs ptxas.

Compiles networks for the oldest architecture and for that of the day with a GPU, and asks the assembler about every
kernel: of the replay's large zoo (the examples, generated graphs, the benchmarks' networks), of some of these in other
widths, of the zoo of all kinds where its libraries are (`benchmarks.zoo`), and of the tests. What the log has is not
compiled again; SUMMARY is made of all that it has, and keeps the groups that it has nothing of.
"""

import fnmatch
import json
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.gpu.prepare import TESTS as RECORDED
from benchmarks.gpu.prepare import recorded
from benchmarks.gpu.records import PTX
from benchmarks.replay import zoo
from benchmarks.zoo.networks import GROUPS as KINDS
from benchmarks.zoo.networks import exported
from benchmarks.zoo.samples import samples_of
from dyadic.compiler.driver import lowered_for, network_after
from dyadic.compiler.job import Job
from dyadic.compiler.targets.cuda.assemble import Resources, assemble, assembler
from dyadic.compiler.targets.cuda.codegen import ENTRY
from dyadic.compiler.targets.cuda.target import TARGET
from dyadic.compiler.tools import Tools
from dyadic.runtime.errors import DyadicError, MachineError

SUMMARY = Path(__file__).with_name("spills.json")
ARCHITECTURES = ("sm_80", "sm_90a")
WIDE = ("resnet50", "mobilenet_v2", "densenet121", "inception_v3", "deit_tiny", "minilm_32", "unet", "m5", "wav2letter")
WIDTHS = ("w8a16", "w4a8", "w4g32a8", "w2a8")
CALIBRATION = 4
Record = dict[str, Any]
Made = tuple[object, object, dict[str, Any]]  # a model, its samples, and what the compiler is told


def run(log: Path, groups: Sequence[str], only: str) -> int:
    """Say of each network what its kernels take, and write it to the log; 1 where one spills or fails.

    Raises MachineError where there is no assembler.
    """
    if assembler() is None:
        raise MachineError("there is no ptxas here, which alone knows what spills: pip install 'dyadic[cuda]'")
    warnings.filterwarnings("ignore")
    lines = log.read_text().splitlines() if log.exists() else []
    records: list[Record] = [json.loads(line) for line in lines]
    known = {(one["group"], one["name"]) for one in records}
    for group in groups:
        for name, make in GROUPS[group]():
            if (group, name) in known or not fnmatch.fnmatchcase(name, only):
                continue
            start = time.perf_counter()
            said = {"group": group, "name": name, **make()}
            said["seconds"] = round(time.perf_counter() - start)
            print(f"{said['seconds']:4} s  {group}: {name}: {_sentence(said)}", flush=True)
            records.append(said)
            with log.open("a") as file:
                file.write(json.dumps(said) + "\n")
    before = json.loads(SUMMARY.read_text()) if SUMMARY.exists() else {}
    SUMMARY.write_text(json.dumps(before | summary(records), indent=1) + "\n")
    return 1 if any("failed" in one or spilling(one) for one in records) else 0


def spilling(record: Record) -> dict[str, str]:
    """The kernels that spill or have a stack frame, and the architectures they do it on."""
    found: dict[str, list[str]] = {}
    for architecture, kernels in record.get("kernels", {}).items():
        for name, (_, *in_memory) in kernels.items():
            if any(in_memory):
                found.setdefault(name, []).append(architecture)
    return {name: ", ".join(of) for name, of in found.items()}


def _sentence(record: Record) -> str:
    if "kernels" not in record:
        (why,) = [f"{how}: {record[how]}" for how in ("refused", "failed", "skipped") if how in record]
        return why
    kernels = record["kernels"]
    text = f"{len(next(iter(kernels.values())))} kernels, at most {most_registers(kernels)} registers"
    return text + "".join(f"; {name} SPILLS on {of}" for name, of in spilling(record).items())


def most_registers(kernels: Mapping[str, Mapping[str, Sequence[int]]]) -> int:
    return max((one[0] for of in kernels.values() for one in of.values()), default=0)


def summary(records: Sequence[Record]) -> dict[str, Any]:
    """By group: how many networks and different kernels there are, what they take, and what was refused."""
    made: dict[str, Any] = {}
    for group in dict.fromkeys(one["group"] for one in records):
        mine = [one for one in records if one["group"] == group]
        taken = [one for one in mine if "kernels" in one]
        names = {(of, name) for one in taken for of, kernels in one["kernels"].items() for name in kernels}
        made[group] = {
            "networks": [one["name"] for one in taken],
            "kernels": {of: sum(one == of for one, _ in names) for of in ARCHITECTURES},
            "registers": max((most_registers(one["kernels"]) for one in taken), default=0),
            "spills": {one["name"]: found for one in taken if (found := spilling(one))},
            **{how: {one["name"]: one[how] for one in mine if how in one} for how in ("refused", "failed", "skipped")},
        }
    return made


# --- networks


def compiled(make: Callable[[], Made]) -> Record:
    """What the kernels of one network take, or why there are none."""
    try:
        model, samples, told = make()
        job = Job(model, samples, target="cuda", measure=False, **told)
        tools = Tools.of(job)
        network = network_after("integerize", job)
        (lowered,) = lowered_for(TARGET, [network], tools)
        emitted = TARGET.emit(lowered, ARCHITECTURES, network, tools.cache)
    except ImportError as error:
        return {"skipped": str(error)}
    except DyadicError as error:
        return {"refused": str(error)}
    except (RuntimeError, ValueError, AssertionError) as error:  # whatever a fault of the compiler is: the others go on
        return {"failed": f"{type(error).__name__}: {str(error)[:500]}"}
    kernels = {
        level: {name: numbers(one) for name, one in code.kernels.items()} for level, code in emitted.codes.items()
    }
    return {"kernels": kernels}


def numbers(one: Resources) -> list[int]:
    return [one.registers, one.stack_bytes, one.spill_stores, one.spill_loads]


def replayed(case: zoo.Case) -> Made:
    model, samples, examples = case.make()
    return model, samples, case.options | ({} if examples is None else {"example_inputs": examples})


def of_replay() -> Iterator[tuple[str, Callable[[], Record]]]:
    for name, case in zoo.large().items():
        yield name, partial(compiled, partial(replayed, case))


def of_widths() -> Iterator[tuple[str, Callable[[], Record]]]:
    for name in WIDE:
        for width in WIDTHS:
            case = zoo.Case(partial(zoo.network, name), zoo.WIDTHS[width] | zoo.QUICK)
            yield f"{name} {width}", partial(compiled, partial(replayed, case))


def of_zoo() -> Iterator[tuple[str, Callable[[], Record]]]:
    for name in (name for kind in KINDS.values() for name in kind):
        yield name, partial(compiled, partial(of_kind, name))


def of_kind(name: str) -> Made:
    with tempfile.TemporaryDirectory() as place:
        path = exported(name, Path(place))
        return path.read_bytes(), samples_of(path, CALIBRATION, 0), {}


# --- kernels of tests


def of_tests() -> Iterator[tuple[str, Callable[[], Record]]]:
    yield "kernels", tested


def tested() -> Record:
    """Every kernel that is made for a launch of the tests which a folder for a GPU carries."""
    try:
        records = recorded(RECORDED)
    except RuntimeError as error:
        return {"failed": str(error)[-2000:]}
    texts = [records.blob(kinds[PTX]).decode() for kinds in records.codes.values()]
    return {"kernels": {of: assembled(texts, of) for of in ARCHITECTURES}}


def assembled(texts: Sequence[str], architecture: str) -> dict[str, list[int]]:
    """What each of these kernels takes, once for the same one in several texts; what is written for a later
    architecture is left out, and what tests write by hand."""
    mine = [text for text in texts if ENTRY in text and runs(text, architecture)]

    def asked(text: str) -> dict[str, list[int]]:
        made = assemble(text, architecture)
        assert made is not None
        names = named(text)
        return {names[name]: numbers(one) for name, one in made.kernels.items()}

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return {name: one for found in pool.map(asked, mine) for name, one in found.items()}


WRITTEN_FOR = re.compile(r"^\.target (sm_\w+)", re.MULTILINE)


def runs(text: str, architecture: str) -> bool:
    found = WRITTEN_FOR.search(text)
    return found is not None and found[1] in ("sm_80", architecture)


def named(text: str) -> dict[str, str]:
    """For each kernel a name that no other one has."""
    made = {}
    for body in text.split(ENTRY)[1:]:
        name = body.partition("(")[0]
        made[name] = f"{name} {sha256(body.strip().encode()).hexdigest()[:16]}"
    return made


GROUPS = {"replay": of_replay, "widths": of_widths, "zoo": of_zoo, "tests": of_tests}
