"""The notebook runs from its first cell to its last, without a server, and holds nothing but what it says."""

import contextlib
import io
import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "semantic_search"
sys.path.insert(0, str(EXAMPLE))

import minilm  # noqa: E402 - they lie in the example's folder
import search  # noqa: E402

NOTEBOOK = EXAMPLE / "semantic_search.ipynb"
LETTERS = [f"{start}{letter}" for start in ("", "##") for letter in "abcdefghijklmnopqrstuvwxyz0123456789'-.,?!"]


def cells(kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if cell["cell_type"] == kind]


def printed() -> str:
    """What all cells print, run one after the other in one namespace."""
    names: dict[str, Any] = {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for cell in cells("code"):
            exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}, {cell['id']}", "exec"), names)
    return said.getvalue()


def test_it_holds_no_outputs() -> None:
    assert len(cells("code")) >= 5 and len(cells("markdown")) >= 5
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells("code"))
    assert not re.search(r"/(home|work|tmp|usr|Users)/", NOTEBOOK.read_text("utf-8"))


def test_it_runs_with_a_tiny_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cells around another network and vocabulary, so that it takes seconds."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces), "utf-8")
    torch.manual_seed(1)
    tiny = minilm.Encoder(len(pieces), 32, width=32, heads=2, inner=64, blocks=1).eval()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(minilm, "trained", lambda: tiny)
    monkeypatch.setattr(minilm, "folder", lambda: tmp_path)
    monkeypatch.setattr(search, "LENGTHS", (16, 8))
    monkeypatch.setattr(search, "compiled", partial(search.compiled, isa=("x86-64",)))
    said = printed()
    assert (tmp_path / "minilm.dyq").exists() and "integer-only" in said
    for query in search.QUERIES:
        assert said.count(query) == 2  # its list, and how far float is
    assert max(float(each) for each in re.findall(r"cosines differ by (\S+)", said)) < 0.05


@pytest.mark.slow
def test_it_runs_with_the_trained_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        minilm.folder()
    except ModuleNotFoundError as missing:
        pytest.skip(str(missing))
    monkeypatch.chdir(tmp_path)
    said = printed()
    assert said.count("best sentence the same") == len(search.QUERIES), said
