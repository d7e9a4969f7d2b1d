"""Folders of images and data sets calibrate as the same arrays do, and what they lack is said in a sentence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import load
from PIL import Image
from support.command_line import DIGITS, Command

import dyadic
from dyadic.compiler.calibrate.data import Input, Samples
from dyadic.compiler.calibrate.sources import DatasetSource
from dyadic.compiler.job import Job
from dyadic.compiler.progress import Progress
from dyadic.compiler.user_pictures import names_in_model, pictures_of, read_from
from dyadic.runtime.errors import UsageError
from dyadic.runtime.user_samples import open_samples

MODEL = DIGITS / "digits.onnx"
TEXT = "scale=1/16,resize=none"
IMAGE = (Input("image", (1, 8, 8)),)
DATA = np.load(DIGITS / "train.npz")
PIXELS = np.rint(DATA["image"][:40] * 16).astype(np.uint8)  # [40, 1, 8, 8]
LABELS = DATA["labels"][:40]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "photos"
    for i, (pixels, label) in enumerate(zip(PIXELS, LABELS, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[0]).save(folder / str(label) / f"{i:02}.png")
    return folder


def opened(given: object, what: str = "calibration data", **options: Any) -> Samples:
    settings: dict[str, Any] = {"preprocess": TEXT, **options}
    job = Job(str(MODEL), given, **settings)
    pictures = pictures_of(job, IMAGE)
    source = read_from(given, job, IMAGE, what, pictures, 10, Progress())
    return Samples(source, IMAGE, what, labels=True, classes=10, pictures=pictures)


def all_of(samples: Samples, name: str = "image") -> np.ndarray:
    return np.concatenate([feeds[name] for feeds in samples])


def test_a_folder_is_the_arrays_that_it_was_made_of(photos: Path) -> None:
    samples = opened(photos, "evaluation data")
    order = np.lexsort((np.arange(40), LABELS))
    np.testing.assert_array_equal(all_of(samples), PIXELS[order].astype(np.float32) / 16)
    np.testing.assert_array_equal(all_of(samples, "labels"), LABELS[order])
    few = opened(photos, calibration_samples=10)
    assert few.total == 10 and sorted(all_of(few, "labels")) == list(range(10))


class Map:
    """As torch's data sets are."""

    def __init__(self, item: Any) -> None:
        self.item = item

    def __len__(self) -> int:
        return 40

    def __getitem__(self, place: int) -> Any:
        return self.item(place)


class Columns(Map):
    """As those of Hugging Face are, which can be gone through as well."""

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(40))


NUMBERS = torch.from_numpy(PIXELS.astype(np.float32) / 16)


@pytest.mark.parametrize(
    "given",
    [
        Map(lambda i: (NUMBERS[i], int(LABELS[i]))),
        Map(lambda i: (Image.fromarray(PIXELS[i, 0]), LABELS[i])),
        Columns(lambda i: {"label": int(LABELS[i]), "image": Image.fromarray(PIXELS[i, 0]), "id": i}),
        Columns(lambda i: {"pixel_values": PIXELS[i], "labels": torch.tensor(int(LABELS[i]))}),
        [(Image.fromarray(PIXELS[i, 0]), LABELS[i]) for i in range(40)],
        {"image": PIXELS, "labels": LABELS},
        {"image": PIXELS.transpose(0, 2, 3, 1), "labels": LABELS},
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(NUMBERS, torch.from_numpy(LABELS)), 7),
    ],
    ids=["tensors", "images", "columns", "pixels", "pairs", "bytes", "channels last", "loader"],
)
def test_data_sets_are_the_same_samples(given: object) -> None:
    samples = opened(given, "evaluation data")
    np.testing.assert_array_equal(all_of(samples), NUMBERS.numpy())
    np.testing.assert_array_equal(all_of(samples, "labels"), LABELS)


def test_of_a_long_data_set_a_part_is_taken_whose_end_is_from_everywhere() -> None:
    source = DatasetSource(Map(lambda i: np.full((1, 8, 8), i, np.float32)), "calibration data", 16)
    seen = [int(np.asarray(item).flat[0]) for item in source]
    assert sorted(seen) == [i * 40 // 16 for i in range(16)] and seen[-2:] == [17, 37] and list(source.places) == seen


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        (PIXELS, {"preprocess": "scale=1,channels=rgb"}, 'preprocess channels=rgb, but "image" .* reads 1 channels'),
        (Map(lambda i: [][i]), {}, "calibration data: item 0 of 40 cannot be had: IndexError"),
        (Map(lambda i: np.zeros((8, 9), np.float32)), {}, r"has float32 of shape \[32, 8, 9, 1\].*other sizes"),
        ([Image.new("L", (8, 8))], {"preprocess": None}, "yields images: say by preprocess what"),
        (DATA["image"].transpose(0, 2, 3, 1), {"preprocess": None}, "looks like channels last"),
    ],
)
def test_what_does_not_fit_is_said(given: object, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("preprocess", "--preprocess")):
        list(opened(given, **options))


def test_a_folder_without_a_word_of_preprocessing_says_which_there_are(photos: Path) -> None:
    with pytest.raises(
        UsageError, match=r'say by --preprocess what "image" \[N, 1, 8, 8\] is made of them: torchvision'
    ):
        opened(photos, preprocess=None)
    with pytest.raises(UsageError, match="--labels is for a folder of images"):
        Job(str(MODEL), PIXELS, labels="labels.csv")
    with pytest.raises(UsageError, match=r"--preprocess is for images for one input .* none of them takes images"):
        pictures_of(Job(str(MODEL), photos, preprocess="tf"), (Input("ids", (128,)),))


def test_a_model_may_know_its_classes() -> None:
    model = load(MODEL)
    assert names_in_model(model, 3) == []
    for text in ("{0: 'a', 1: 'b', 2: 'c'}", '{"2": "c", "0": "a", "1": "b"}', "a, b,c", '["a", "b", "c"]'):
        del model.metadata_props[:]
        model.metadata_props.add(key="names", value=text)
        assert names_in_model(model, 3) == ["a", "b", "c"]
        assert names_in_model(model, 10) == []


def test_an_artifact_does_to_images_what_was_done_before_it_was_compiled(
    photos: Path, command: Command, tmp_path: Path
) -> None:
    words = ("--preprocess", TEXT, "--evaluate", photos, "--isa", "x86-64", "--no-measure", "-o", "m.dyq")
    done = command("compile", MODEL, "--calibration", photos, *words)
    assert done.returncode == 0, done.stderr
    whole = "resize=none,interpolation=bilinear,crop=8x8,channels=gray,scale=1/16,mean=0,std=1,layout=nchw"
    assert f"preprocess: {whole}" in done.stderr
    assert "40 images, 10 classes, sorted as torchvision's ImageFolder does" in done.stderr
    assert f"text {whole}" in command("inspect", "m.dyq").stdout
    assert command("run", "m.dyq", "--input", photos, "--output", "y.npz").returncode == 0
    np.save(tmp_path / "x.npy", PIXELS.transpose(0, 2, 3, 1))
    assert command("run", "m.dyq", "--input", "x.npy", "--output", "bytes.npy").returncode == 0
    with dyadic.load(tmp_path / "m.dyq", threads=1, max_batch=40) as session:
        (expected,) = session.run(None, {"image": NUMBERS.numpy()})
        seen = [labels for _, labels in open_samples(photos, session, labels_needed=True)]
    np.testing.assert_array_equal(np.load(tmp_path / "bytes.npy"), expected)
    with np.load(tmp_path / "y.npz") as written:
        places = [int(name[2:4]) for name in written["files"]]
        np.testing.assert_array_equal(written["logits"], expected[places])
        assert session.made["classes"] == list("0123456789")
    np.testing.assert_array_equal(seen[0], LABELS[places])
