"""The example goes from a checkpoint, in each form and naming, to classes with float beside them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "image_classification"
sys.path.insert(0, str(EXAMPLE))

import classify  # noqa: E402 - they lie in the example's folder
import deit  # noqa: E402

SMALL = {"size": 32, "patch": 8, "width": 64, "depth": 1, "classes": 7}


def written(state: dict[str, torch.Tensor], path: Path) -> Path:
    """As the format of safetensors has it."""
    said: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, value in state.items():
        piece = value.numpy().tobytes()
        kind = {torch.float32: "F32", torch.float16: "F16", torch.float64: "F64"}[value.dtype]
        said[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    header = json.dumps(said).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


@pytest.fixture(scope="module")
def model() -> deit.Deit:
    return deit.random(3, **SMALL)


def test_parameters_have_the_names_of_timm() -> None:
    names = set(deit.Deit(depth=2).state_dict())
    block = {f"{part}.{kind}" for part in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2") for kind in
             ("weight", "bias")}  # fmt: skip
    outside = {"cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias", "norm.weight", "norm.bias"}
    assert names == outside | {"head.weight", "head.bias"} | {f"blocks.{i}.{name}" for i in range(2) for name in block}
    assert sum(value.numel() for value in deit.Deit().parameters()) == 5_717_416  # DeiT-tiny's


def test_a_checkpoint_says_all_sizes(model: deit.Deit, tmp_path: Path) -> None:
    image, state = torch.rand(2, 3, 32, 32), model.state_dict()
    torch.save({"model": state}, tmp_path / "facebook.pth")
    torch.save(state, tmp_path / "timm.pth")
    with torch.no_grad():
        expected = model(image)
        for path in (tmp_path / "facebook.pth", tmp_path / "timm.pth", written(state, tmp_path / "a.safetensors")):
            assert torch.equal(deit.trained(path)(image), expected), path.name
        halves = written({name: value.half() for name, value in state.items()}, tmp_path / "halves.safetensors")
        assert torch.allclose(deit.trained(halves)(image), expected, atol=0.02)


def test_other_networks_are_refused_by_what_is_missing(model: deit.Deit, tmp_path: Path) -> None:
    def refused(state: dict[str, torch.Tensor], reason: str) -> None:
        torch.save(state, tmp_path / "other.pth")
        with pytest.raises(ValueError, match=reason):
            deit.trained(tmp_path / "other.pth")

    state = model.state_dict()
    refused({"conv1.weight": torch.zeros(1)}, "no blocks.0.mlp.fc1.weight, cls_token, head.weight")
    refused(state | {"dist_token": torch.zeros(1, 1, 64)}, "a distilled DeiT has a second token")
    refused({name: value for name, value in state.items() if name != "norm.bias"}, "Missing key.*norm.bias")
    with pytest.raises(ValueError, match=r"head\.bias is F64, read are F32 and F16"):
        deit.trained(written({"head.bias": torch.zeros(7, dtype=torch.float64)}, tmp_path / "doubles.safetensors"))


def test_images_are_cut_and_scaled(tmp_path: Path) -> None:
    image = np.zeros((6, 8, 3), np.uint8)
    image[1:5, 2:6] = 255
    np.save(tmp_path / "image.npy", image)
    assert (classify.read(tmp_path / "image.npy", 4) == 255).all()
    pixels = classify.prepared([classify.read(tmp_path / "image.npy", 4)])
    assert pixels.shape == (1, 3, 4, 4) and pixels.dtype == np.float32
    assert np.allclose(pixels[0, :, 0, 0], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    with pytest.raises(ValueError, match=r"at least 9 x 9 pixels, not \[6, 8, 3\]"):
        classify.read(tmp_path / "image.npy", 9)


def test_image_files_are_read_with_the_shorter_side_as_in_training(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (80, 40), (10, 20, 30)).save(tmp_path / "image.png")
    found = classify.read(tmp_path / "image.png", 28)
    assert found.shape == (28, 28, 3) and (found == [10, 20, 30]).all()


def test_the_table_names_the_best_classes() -> None:
    said = classify.shown(np.array([0.0, 2.0, 1.0, -9, -9, -9]), np.array([2.0, 0.0, 1.0, -9, -9, -9]), ["cat", "dog"])
    rows = said.splitlines()
    assert len(rows) == 1 + classify.BEST
    assert rows[1].split() == ["66.5", "%", "dog", "66.5", "%", "cat"]
    assert rows[2].split() == ["24.5", "%", "class", "2", "24.5", "%", "class", "2"]


def test_from_a_checkpoint_to_classes(
    model: deit.Deit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole path, as on the command line; integers and float agree on the best class of every image."""
    monkeypatch.chdir(tmp_path)
    torch.save(model.state_dict(), "small.pth")
    Path("labels.txt").write_text("\n".join("abcdefg"), "utf-8")
    for i, image in enumerate(classify.made_up(3, 32, seed=5)):
        np.save(f"{i}.npy", image)
    given = ["--weights", "small.pth", "--labels", "labels.txt", "--isa", "x86-64", "0.npy", "1.npy", "2.npy"]
    assert classify.main(given) == 0
    said = capsys.readouterr().out
    assert "Ranges are learned from 96 made-up images" in said and "random" not in said
    assert "deit.dyq: " in said and Path("deit.dyq").exists()
    firsts = [said.split(f"{i}.npy\n")[1].splitlines()[1].split() for i in range(3)]
    for row in firsts:
        assert row[2] == row[5] and abs(float(row[0]) - float(row[3])) < 3, said


def test_without_anything_it_shows_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert classify.main(["--size", "32", "--depth", "1", "--isa", "x86-64"]) == 0
    said = capsys.readouterr().out
    assert "The weights are random" in said and "other waves" in said
