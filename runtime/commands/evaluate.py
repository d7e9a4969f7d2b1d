"""`dyadic evaluate`: how often an artifact is right on labelled samples, and how often it agrees with float."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.runtime.commands.above import of_compiler
from dyadic.runtime.commands.declared import DEBUG, DEVICE, ISA, JSON, PROGRESS, THREADS, Command, Option
from dyadic.runtime.commands.events import result_of, say
from dyadic.runtime.errors import UsageError, printable
from dyadic.runtime.session import Session, load
from dyadic.runtime.user_samples import Batch, UserSamples, open_samples

BATCH = 16  # samples a run
BEST = 5
Z_95 = 1.959964
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Share:
    """Of samples, with its 95 % interval (Wilson 1927)."""

    count: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """
        >>> [round(end, 4) for end in Share(97, 100).interval]
        [0.9155, 0.9897]
        """
        p, n, z = self.count / self.of, self.of, Z_95
        center, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
        return max(0.0, (center - spread) / (1 + z * z / n)), min(1.0, (center + spread) / (1 + z * z / n))

    def to_json(self) -> dict[str, float]:
        low, high = self.interval
        return {"value": self.count / self.of, "low": low, "high": high}


def evaluate(
    artifact: Path,
    data: Path,
    model: Path | None,
    metric: str | None,
    labels: Path | None,
    classes: Path | None,
    device: str | None,
    threads: int | None,
    isa: str | None,
    as_json: bool,
    progress: str,
) -> None:
    """Say how often ARTIFACT is right on the samples of DATA, with 95 % intervals.

    DATA is a .npz file with arrays named as the inputs and `labels`, or a folder of images. With --model, also how
    often the float model is right, and how far both agree. --model and --metric need dyadic[compile].
    """
    start = time.perf_counter()
    with load(artifact, device=device, threads=threads, max_batch=BATCH, isa=isa, complete=True) as session:
        session.batch_first = True
        samples = open_samples(
            data,
            session,
            labels=labels,
            classes=classes,
            labels_needed=model is None and metric is None,
            labels_are_classes=metric is None,
        )
        if metric is None and model is None and class_count(session) is None:
            first = session.outputs[0]
            shape = ", ".join(map(str, first.shape))
            raise UsageError(
                f"output '{first.name}' [{shape}] is no row of classes, so that labels say nothing of it: give "
                "--metric FILE.py:FUNCTION, or the float model to compare with, --model model.onnx"
            )
        if model is None and metric is None:
            facts = Counts.of(samples_of(samples, session, data)).to_json()
        else:
            beside = of_compiler("measure.evaluation")
            facts = beside.evaluated(artifact, session, data, samples, model, metric)
        facts |= {
            "threads": session.threads,
            "isa": session.isa,
            "device": session.device_name or session.device,
            "seconds": round(time.perf_counter() - start, 3),
        }
    facts = {"artifact": artifact.name, "data": data.name, **facts}
    if progress == "json":
        say(result_of("evaluate", facts))
    if as_json:
        print(json.dumps(facts))
    else:
        print(printable("\n".join([*described(facts), *samples.notes])))


def class_count(session: Session) -> int | None:
    """How many classes the first output tells apart; 0 where it is the class itself, None where it is no class."""
    first = session.outputs[0]
    if first.dtype.kind in "iu":
        return 0 if math.prod(int(n) for n in first.batch_first[1:]) == 1 else None
    sizes = first.batch_first
    return int(sizes[1]) if len(sizes) == 2 and int(sizes[1]) > 1 else None


def samples_of(samples: UserSamples, session: Session, data: Path) -> Iterator[tuple[Batch, list[Array]]]:
    """Every batch with the artifact's answers. Labels are classes that there are."""
    known, done = class_count(session), 0
    for feeds, labels in samples:
        if labels is not None and known and (wrong := np.flatnonzero((labels < 0) | (labels >= known))).size:
            raise UsageError(
                f"'{data}': the label of sample {done + int(wrong[0])} is {labels[wrong[0]]}; the network has {known} "
                "classes, numbered from 0"
            )
        answers = session.run(None, feeds)
        done += len(next(iter(feeds.values())))
        yield (feeds, labels), answers


@dataclass
class Counts:
    """Right answers; `best` among the BEST, None where there are no more classes than these."""

    samples: int = 0
    right: int = 0
    best: int | None = None

    @staticmethod
    def of(answered: Iterator[tuple[Batch, list[Array]]]) -> "Counts":
        counts = Counts()
        for (_, labels), answers in answered:
            assert labels is not None, "there are labels: `open_samples` sees to that"
            counts.add(answers[0], labels)
        return counts

    def add(self, answers: Array, labels: Array) -> None:
        """[N, classes] numbers or [N] classes, and N labels."""
        self.samples += len(labels)
        if answers.dtype.kind in "iu":
            self.right += int((answers.reshape(-1) == labels).sum())
            return
        own = answers[np.arange(len(labels)), labels][:, None]
        places = np.arange(answers.shape[1])[None, :]
        # as argmax does: of equal numbers, the first is the best
        before = ((answers > own) | ((answers == own) & (places < labels[:, None]))).sum(1)
        self.right += int((before == 0).sum())
        if answers.shape[1] > BEST:
            self.best = (self.best or 0) + int((before < BEST).sum())

    def to_json(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"samples": self.samples, "top1": Share(self.right, self.samples).to_json()}
        if self.best is not None:
            facts["top5"] = Share(self.best, self.samples).to_json()
        return facts


def described(facts: dict[str, Any]) -> list[str]:
    """The facts as lines."""
    many = f"{facts['samples']:,} sample{'' if facts['samples'] == 1 else 's'}"
    lines = [f"{facts['artifact']} on {many} of {facts['data']}"]
    floating = facts.get("float", {})
    for key, name in (("top1", "accuracy"), ("top5", "one of the best 5"), ("agreement", "same class as float")):
        if key in facts:
            beside = f", float {percent(floating[key])}" if key in floating else ""
            lines.append(f"{name:20} {percent(facts[key])}{beside}")
    if (metric := facts.get("metric")) is not None:
        beside = f", float {floating['metric']['value']:.6g}" if "metric" in floating else ""
        interval = f"(95 % interval {metric['low']:.6g} to {metric['high']:.6g})"
        lines.append(f"{metric['name']:20} {metric['value']:.6g} {interval}{beside}")
    if (change := facts.get("difference")) is not None:
        unit, scale = (" points", 100) if metric is None else ("", 1)
        value, low, high = (f"{scale * change[key]:+.4g}" for key in ("value", "low", "high"))
        lines.append(f"{'change from float':20} {value}{unit} (95 % interval {low} to {high})")
    if "sqnr_db" in facts:
        lines.append(f"{'output SQNR':20} {facts['sqnr_db']:.1f} dB")
    return lines


def percent(share: dict[str, float]) -> str:
    value, low, high = (f"{100 * share[key]:.2f}" for key in ("value", "low", "high"))
    return f"{value} % (95 % interval {low} to {high})"


EVALUATE = Command(
    "evaluate",
    "Say how often ARTIFACT is right on labelled DATA.",
    evaluate,
    ("ARTIFACT", "DATA"),
    (
        Option("--model", "the float model, to compare with", "path", "MODEL.onnx"),
        Option("--metric", "your own measure in place of accuracy, larger is better", metavar="FILE.py:FUNCTION"),
        Option("--labels", "labels of a folder of images: lines of file,class", "path", "FILE.csv"),
        Option("--classes", "names of all classes, one a line", "path", "FILE.txt"),
        DEVICE,
        THREADS,
        ISA,
        JSON,
        PROGRESS,
        DEBUG,
    ),
)
