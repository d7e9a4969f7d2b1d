"""The example goes from a module and a vocabulary to a ranked list, as its float model would rank."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import dyadic

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "semantic_search"
sys.path.insert(0, str(EXAMPLE))

import minilm  # noqa: E402 - they lie in the example's folder
import search  # noqa: E402
from wordpiece import WordPieces, words  # noqa: E402

VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]"),
    *("a", "cat", "cats", "dog", "sleep", "run", "walk", ".", "?", "caf", "un", "in", "the", "on", "mat", "street"),
    *("##s", "##ing", "##ed", "##e", "##happy", "##side"),
]
TEXTS = ["Cats sleep.", "The dog runs on the street.", "A cat walked inside.", "Unhappy dogs!", "Sleeping on the mat"]
LENGTHS = (10, 5)


@pytest.fixture(scope="module")
def pieces() -> WordPieces:
    return WordPieces(VOCABULARY)


def shown(pieces: WordPieces, text: str) -> list[str]:
    return [VOCABULARY[i] for i in pieces(text, 10)]


def test_words_are_lower_case_without_accents_and_punctuation_stands_alone() -> None:
    assert words("The Café\tis OPEN, is it?") == ["the", "cafe", "is", "open", ",", "is", "it", "?"]
    assert words("\u4f60\u597d x") == ["\u4f60", "\u597d", "x"]


def test_pieces_are_the_longest_that_fit(pieces: WordPieces) -> None:
    assert shown(pieces, "Cats run.") == ["[CLS]", "cats", "run", ".", "[SEP]"]
    assert shown(pieces, "dogs walking") == ["[CLS]", "dog", "##s", "walk", "##ing", "[SEP]"]
    assert shown(pieces, "caf\u00e9 inside zebra") == ["[CLS]", "caf", "##e", "in", "##side", "[UNK]", "[SEP]"]
    assert len(pieces("cat " * 20, 7)) == 7
    batch = pieces.batch(["cat", "a dog"], 7)
    assert batch["input_ids"].shape == (2, 4) and batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_a_tiny_encoder_ranks_as_in_float(pieces: WordPieces, tmp_path: Path) -> None:
    torch.manual_seed(1)
    encoder = minilm.Encoder(len(VOCABULARY), max(LENGTHS), width=32, heads=2, inner=64, blocks=1).eval()
    calibration = pieces.batch(TEXTS * 4, max(LENGTHS))
    artifact = search.compiled(encoder, calibration, LENGTHS, isa=("x86-64",), measure=False, progress="off")
    assert artifact.certificate.valid
    artifact.save(tmp_path / "tiny.dyq")
    with dyadic.load(tmp_path / "tiny.dyq") as session:
        assert session.inputs[0].dtype == np.int64
        found = search.ranked(session, pieces, "the cat sleeps on a mat", TEXTS)

    def vector(text: str) -> torch.Tensor:
        given = pieces.batch([text], max(LENGTHS))
        return encoder(*(torch.from_numpy(each) for each in given.values()))[0]

    with torch.no_grad():
        asked = vector("the cat sleeps on a mat")
        expected = {text: float(asked @ vector(text)) for text in TEXTS}
    assert found[0][1] == max(TEXTS, key=expected.__getitem__)
    for cosine, text in found:
        assert abs(cosine - expected[text]) < 0.05


def test_the_trained_weights_are_unit_vectors_of_meaning() -> None:
    """In float: the compiled network is measured by benchmarks/sentences.py."""
    try:
        encoder = minilm.trained()
    except ModuleNotFoundError as missing:
        pytest.skip(str(missing))
    pieces = WordPieces(minilm.folder() / "vocab.txt")
    texts = ["A man is playing a guitar.", "Someone plays an instrument.", "The stock market fell on Monday."]
    given = pieces.batch(texts, 32)
    with torch.no_grad():
        vectors = encoder(*(torch.from_numpy(each) for each in given.values()))
    cosines = vectors @ vectors.T
    assert torch.allclose(cosines.diagonal(), torch.ones(3), atol=1e-5)
    assert cosines[0, 1] > 0.4 > 0.2 > cosines[0, 2]
