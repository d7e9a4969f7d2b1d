"""`dyadic run`: an artifact on the samples of a file."""

import sys
from pathlib import Path

import numpy as np

from dyadic.runtime.array_files import write_npz
from dyadic.runtime.atomic_file import check_output, refuse_overwriting, replacing
from dyadic.runtime.commands.declared import DEBUG, DEVICE, ISA, THREADS, Command, Option
from dyadic.runtime.errors import UsageError, printable
from dyadic.runtime.named_arrays import NamedArrays
from dyadic.runtime.pictures import SUFFIXES
from dyadic.runtime.session import Session, load
from dyadic.runtime.tensor_info import inputs_shown
from dyadic.runtime.user_samples import as_it_reads, float32_of, open_samples, pictures_of

RUN_BATCH = 64
FILES = "files"  # names of images, in the order of their results


def run(artifact: Path, source: Path, output: Path, device: str | None, threads: int | None, isa: str | None) -> None:
    """Run ARTIFACT on the samples of a file and write its outputs to another."""
    if output.suffix not in (".npy", ".npz"):
        raise UsageError(f"--output {output} is neither .npy nor .npz")
    refuse_overwriting({"the artifact": artifact, "the input": source}, {"--output": output})
    check_output("--output", output, "what a run gives", output.suffix)
    images = source.is_dir() or source.suffix.lower() in SUFFIXES
    file = None if images else NamedArrays(source, f"--input {source}")
    batch = RUN_BATCH if file is None else max(1, min(file.longest(), RUN_BATCH))
    with load(artifact, device=device, threads=threads, max_batch=batch, isa=isa) as session:
        if output.suffix == ".npy" and len(session.outputs) != 1:
            raise UsageError(f"the network has {len(session.outputs)} outputs; write them to a .npz file")
        if file is None:
            results = run_images(session, source, with_names=output.suffix == ".npz")
        else:
            results = run_all(session, preprocessed(feeds_of(file, session), session, source))
    with replacing(output) as file, open(file, "wb", closefd=False) as stream:
        if output.suffix == ".npy":
            np.save(stream, next(iter(results.values())))
        else:
            write_npz(stream, results)


def feeds_of(file: NamedArrays, session: Session) -> dict[str, np.ndarray]:
    """The arrays of the inputs; `labels` and others are not read."""
    members = file.of(inputs_shown(session.inputs))
    with file.read():
        return {info.name: float32_of(members[info.name].whole(), info) for info in session.inputs}


def run_images(session: Session, path: Path, *, with_names: bool) -> dict[str, np.ndarray]:
    """The results of images, preprocessed as the artifact says; in the order of their names, which are `files`."""
    samples = open_samples(path, session, what=f"--input {path}")
    for note in samples.notes:
        print(printable(note), file=sys.stderr)
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


RUN = Command(
    "run",
    "Run ARTIFACT on the samples of a file.",
    run,
    ("ARTIFACT",),
    (
        Option(
            "--input",
            ".npy, .npz with named arrays, an image or a folder of images",
            "path",
            dest="source",
            required=True,
        ),
        Option("--output", ".npy, or .npz with named arrays", "path", required=True),
        DEVICE,
        THREADS,
        ISA,
        DEBUG,
    ),
)
