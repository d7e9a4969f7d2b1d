"""The commands that need an artifact and no compiler: run, bench, inspect, verify."""

import json
import statistics
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from dyadic.compiler.quality.feeds import random_feeds
from dyadic.runtime.array_files import DAMAGE, damage, read_arrays, write_npz
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.atomic_file import refuse_overwriting, replacing
from dyadic.runtime.errors import FileError, UsageError, printable
from dyadic.runtime.executor import programs_for
from dyadic.runtime.pictures import SUFFIXES
from dyadic.runtime.program import Output, results_of
from dyadic.runtime.session import MAX_BATCH, MAX_THREADS, Session, load
from dyadic.runtime.tensor_info import result_info, tensor_info
from dyadic.runtime.user_samples import as_it_reads, open_samples, pictures_of

ARTIFACT = click.argument("artifact", type=click.Path(path_type=Path))
THREADS = click.option(
    "--threads",
    type=click.IntRange(1, MAX_THREADS),
    metavar="N",
    help="native threads (default: by the work of one image)",
)
ISA = click.option("--isa", metavar="LEVEL", help="force an instruction set level")
DEVICE = click.option(
    "--device",
    metavar="NAME",
    help="cpu, cuda, cuda:1 (default: the processor, where ARTIFACT has a program for it)",
)
DEBUG = click.option("--debug", is_flag=True, expose_value=False, help="show tracebacks")  # read by `main`
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
RUN_BATCH = 64
FILES = "files"  # names of images, in the order of their results


@click.command("run", short_help="Run ARTIFACT on the samples of a file.")
@ARTIFACT
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    required=True,
    help=".npy, .npz with named arrays, an image or a folder of images",
)
@click.option("--output", type=click.Path(path_type=Path), required=True, help=".npy, or .npz with named arrays")
@DEVICE
@THREADS
@ISA
@DEBUG
def run_command(
    artifact: Path, source: Path, output: Path, device: str | None, threads: int | None, isa: str | None
) -> None:
    """Run ARTIFACT on the samples of a file and write its outputs to another."""
    if output.suffix not in (".npy", ".npz"):
        raise UsageError(f"--output {output} is neither .npy nor .npz")
    refuse_overwriting({"the artifact": artifact, "the input": source}, {"--output": output})
    images = source.is_dir() or source.suffix.lower() in SUFFIXES
    feeds = {} if images else arrays_of(source)
    most = max((len(array) for array in feeds.values() if array.ndim), default=RUN_BATCH if images else 1)
    batch = max(1, min(most, RUN_BATCH))
    with load(artifact, device=device, threads=threads, max_batch=batch, isa=isa) as session:
        if output.suffix == ".npy" and len(session.outputs) != 1:
            raise UsageError(f"the network has {len(session.outputs)} outputs; write them to a .npz file")
        if images:
            results = run_images(session, source, with_names=output.suffix == ".npz")
        else:
            results = run_all(session, preprocessed(named(feeds, session, source), session, source))
    with replacing(output) as file, open(file, "wb", closefd=False) as stream:
        if output.suffix == ".npy":
            np.save(stream, next(iter(results.values())))
        else:
            write_npz(stream, results)


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz`, or the one of a `.npy` under the name ''."""
    if path.suffix not in (".npy", ".npz"):
        raise UsageError(f"--input {path} is neither .npy nor .npz, nor an image, nor a folder of images")
    try:
        return read_arrays(path)
    except OSError as error:
        raise FileError(f"--input {path} cannot be read: {error.strerror or error}") from error
    except DAMAGE as error:
        raise UsageError(f"--input {path} is not a file of arrays: {damage(error)}") from error


def named(arrays: dict[str, np.ndarray], session: Session, path: Path) -> dict[str, np.ndarray]:
    """The feeds among `arrays`; `labels` and other arrays that are no input are left out."""
    wanted = [info.name for info in session.inputs]
    if list(arrays) == [""]:
        if len(wanted) != 1:
            raise UsageError(f"--input {path} is one array, the network takes {', '.join(wanted)}: give a .npz file")
        return {wanted[0]: arrays[""]}
    for name in wanted:
        if name not in arrays:
            raise UsageError(
                f'--input {path} has no array named "{name}" (it has: {", ".join(arrays) or "none"}); '
                f"arrays are named as the network's inputs: {', '.join(wanted)}"
            )
    return {name: arrays[name] for name in wanted}


def run_images(session: Session, path: Path, *, with_names: bool) -> dict[str, np.ndarray]:
    """The results of images, preprocessed as the artifact says; in the order of their names, which are `files`."""
    samples = open_samples(path, session, what=f"--input {path}")
    for note in samples.notes:
        click.echo(printable(note), err=True)
    names = [info.name for info in session.outputs]
    axes = [info.batch_axis for info in session.outputs]
    pieces = [session.run(None, feeds) for feeds, _ in samples]
    each = zip(names, axes, zip(*pieces, strict=True), strict=True)
    results = {name: np.concatenate(parts, axis) for name, axis, parts in each}
    return results | {FILES: np.array(samples.files)} if with_names and FILES not in results else results


def preprocessed(feeds: dict[str, np.ndarray], session: Session, path: Path) -> dict[str, np.ndarray]:
    """Pixels that are not as the network reads them, made so as the artifact says."""
    pictures = pictures_of(session)
    if pictures is None:
        return feeds
    name = pictures.target.name
    return feeds | {name: as_it_reads(feeds[name], session, pictures, f'--input {path}: "{name}"')}


def run_all(session: Session, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Any number of samples, in batches that the session takes."""
    if session.fixed:
        return run_sets(session, feeds)
    counts = {name: len(array) if array.ndim else 0 for name, array in feeds.items()}
    total = next(iter(counts.values()))
    if not total or len(set(counts.values())) > 1:
        # The session words what is wrong with a batch; it gets all of it here, since pieces could hide it.
        session.run(None, feeds)
        raise UsageError(f"the inputs hold different numbers of samples: {counts}")
    names = [info.name for info in session.outputs]
    axes = [info.batch_axis for info in session.outputs]
    pieces = []
    for start in range(0, total, session.max_batch):
        pieces.append(session.run(None, {n: a[start : start + session.max_batch] for n, a in feeds.items()}))
    each = zip(names, axes, zip(*pieces, strict=True), strict=True)
    return {name: np.concatenate(parts, axis) for name, axis, parts in each}


def run_sets(session: Session, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One set of arrays as the model has them, or several, one behind the other, of a model with a fixed batch."""
    names, shapes = [info.name for info in session.outputs], {info.name: info.shape for info in session.inputs}
    counts = {array.shape[:1] for name, array in feeds.items() if array.shape[1:] == shapes[name]}
    if len(counts) == 1 and all(array.shape[1:] == shapes[name] for name, array in feeds.items()):
        ((count,),) = counts
        sets = [session.run(None, {name: array[i] for name, array in feeds.items()}) for i in range(count)]
        if sets:
            return {name: np.stack(parts) for name, parts in zip(names, zip(*sets, strict=True), strict=True)}
    return dict(zip(names, session.run(None, feeds), strict=True))


@click.command("bench")
@ARTIFACT
@DEVICE
@THREADS
@ISA
@click.option("--batch", type=click.IntRange(1, MAX_BATCH), default=1, metavar="N", help="images a run")
@click.option("--iterations", type=click.IntRange(1), default=100, metavar="N", help="timed runs", show_default=True)
@click.option("--warmup", type=click.IntRange(0), default=10, metavar="N", help="runs before them", show_default=True)
@click.option("--profile", is_flag=True, help="median time of every layer, each by itself")
@JSON
@DEBUG
def bench_command(
    artifact: Path,
    device: str | None,
    threads: int | None,
    isa: str | None,
    batch: int,
    iterations: int,
    warmup: int,
    profile: bool,
    as_json: bool,
) -> None:
    """Time ARTIFACT on random samples.

    On a GPU, a run includes the arrays' way there and back; --profile shows how much that is.
    """
    with load(artifact, device=device, threads=threads, max_batch=batch, isa=isa) as session:
        session.batch_first = session.fixed
        feeds = random_feeds(session, batch)
        result = bench(session, feeds, iterations, warmup)
        steps = session.profile(feeds, iterations, warmup) if profile else []
    result |= {"artifact": artifact.name, "threads": session.threads, "isa": session.isa, "batch": batch}
    result |= {"device": session.device_name or session.device}
    if profile:
        result["layers"] = [{"layer": s.layer, "op": s.op, "macs": s.macs, "us": s.median_ns / 1e3} for s in steps]
    if as_json:
        click.echo(json.dumps(result))
        return
    click.echo(
        f"{result['median_ms']:.3f} ms a run (fastest {result['min_ms']:.3f}, 90 % below {result['p90_ms']:.3f}), "
        f"{result['images_per_second']:.1f} images/s, {result['gmacs']:.1f} GMAC/s; "
        f"{session.isa}, {session.device_name or f'{session.threads} threads'}, batch {batch}, {iterations} runs"
    )
    total = sum(step.median_ns for step in steps) or 1.0
    for step in steps:
        speed = f"{step.macs / step.median_ns:7.1f} GMAC/s" if step.macs else " " * 14
        share = 100 * step.median_ns / total
        click.echo(f"{step.median_ns / 1e3:9.1f} us {share:5.1f} % {speed}  {step.op:12} {printable(step.layer)}")


def bench(session: Session, feeds: dict[str, np.ndarray], iterations: int, warmup: int) -> dict[str, Any]:
    batch = len(next(iter(feeds.values())))
    for _ in range(warmup):
        session.run(None, feeds)
    seen = []
    for _ in range(iterations):
        start = time.perf_counter()
        session.run(None, feeds)
        seen.append(1e3 * (time.perf_counter() - start))
    median = statistics.median(seen)
    macs = batch * sum(step.macs for step in session.program.timed_steps)
    return {
        "iterations": iterations,
        "warmup": warmup,
        "median_ms": median,
        "mean_ms": statistics.fmean(seen),
        "min_ms": min(seen),
        "p90_ms": float(np.quantile(seen, 0.9)),
        "images_per_second": 1e3 * batch / median,
        "gmacs": macs / median / 1e6,
    }


@click.command("inspect", short_help="Say what ARTIFACT holds.")
@ARTIFACT
@DEVICE
@JSON
@DEBUG
def inspect_command(artifact: Path, device: str | None, as_json: bool) -> None:
    """Say what ARTIFACT holds: inputs, outputs, layers, code, how it was made.

    Of several programs, layers and code are those that a device would run, which need not be there.
    """
    with open_artifact(artifact) as file:
        (program, *_), _ = programs_for(file, device)
        facts: dict[str, Any] = {
            "bytes": file.bytes,
            "programs": [one.name for one in file.programs],
            "inputs": [{"name": t.name, "shape": tensor_info(t).shape, "dtype": t.user_dtype} for t in program.inputs],
            "outputs": [
                {"name": one[0].name, "shape": shown(one), "dtype": one[0].user_dtype, "last": one[0].last._asdict()}
                for one in results_of(program.outputs)
            ],
            "levels": {level: {"kernels": count} for level, count in program.kernels.items()},
            "steps": len(program.timed_steps),
            "macs_per_image": sum(step.macs for step in program.timed_steps),
            "arena_bytes_per_image": program.memory_bytes,
            "sections": {name: section.length for name, section in file.sections.items()},
            "made": file.made,
            "certificate": file.json("certificate") if "certificate" in file.sections else None,
            "layers": [{"layer": step.layer, "op": step.op, "macs": step.macs} for step in program.timed_steps],
        }
    click.echo(json.dumps(facts) if as_json else printable("\n".join(described(facts))))


def shown(parts: tuple[Output, ...]) -> tuple[str | int, ...]:
    """The shape of an output as `inspect` says it: with the batch in front, where there is one."""
    info = result_info(parts)
    return info.shape if info.fixed else info.batch_first


def described(facts: dict[str, Any]) -> list[str]:
    lines = [f"size        {facts['bytes']:,} bytes"]
    for kind in ("inputs", "outputs"):
        for t in facts[kind]:
            last = t.get("last", {})
            how = f", its {last['name']} {'left out' if last['left_out'] else 'in float'}" if last.get("name") else ""
            lines.append(f"{kind[:-1]:11} {t['name']} {t['dtype']} [{', '.join(map(str, t['shape']))}]{how}")
    lines += [f"program     {name}" for name in facts["programs"]]
    lines += [f"code        {level}: {said['kernels']} kernels" for level, said in facts["levels"].items()]
    lines.append(f"work        {facts['macs_per_image']:,} MAC an image in {facts['steps']} steps")
    lines.append(f"memory      {facts['arena_bytes_per_image']:,} bytes an image")
    lines += [f"section     {name}: {length:,} bytes" for name, length in facts["sections"].items()]
    for name, value in facts["made"].items():
        if name == "extensions":
            lines += [f"pass        {one['pass']} in {one['stage']}, of {package(one['from'])}" for one in value]
            continue
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        lines.append(f"{name:11} {shown}")
    if facts["certificate"]:
        lines.append(f"certificate {facts['certificate'].get('summary', 'without a summary')}")
    lines += [f"layer       {step['op']:12} {step['macs']:>13,} MAC  {step['layer']}" for step in facts["layers"]]
    return lines


def package(source: dict[str, str]) -> str:
    """
    >>> package({"name": "p", "version": "1.0"}), package({"name": "p.py", "sha256": "00"})
    ('p 1.0', 'p.py')
    """
    return " ".join(source[key] for key in ("name", "version") if key in source)


@click.command("verify", short_help="Check every hash of ARTIFACT, sweep its code again.")
@ARTIFACT
@click.option(
    "--load-passes",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="passes of others that the artifact was made with; may be repeated",
)
@DEBUG
def verify_command(artifact: Path, load_passes: tuple[Path, ...]) -> None:
    """Check every hash of ARTIFACT and sweep its code again: integers only, inside the image.

    Layers that were excluded and stay float are named.
    """
    from dyadic.compiler.extensions import load_extensions
    from dyadic.compiler.targets.registry import target_of

    load_extensions(load_passes)
    with open_artifact(artifact, verify="all") as file:
        for target in dict.fromkeys(program.target for program in file.programs):
            for sentence in target_of(target).verify(file):
                click.echo(printable(sentence))
    click.echo(f"{artifact}: every hash is right")


COMMANDS = (run_command, bench_command, inspect_command, verify_command)
