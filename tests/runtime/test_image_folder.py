"""Folders of images: which files are taken, in which order, what they hold and what is said of those that are none."""

import io
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dyadic.runtime import pictures
from dyadic.runtime.errors import FileError, UsageError
from dyadic.runtime.image_folder import ImageFolder, images_in, labelled
from dyadic.runtime.label_files import class_names, labelled_by_csv
from dyadic.runtime.pictures import Pictures
from dyadic.runtime.preprocess import Target, parse

RGB, GREY = Target("x", 3, 2, 2, "nchw"), Target("x", 1, 2, 2, "nchw")
SQUARE = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [90, 90, 90]]], np.uint8)


def put(path: Path, content: bytes = b"") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def read(path: Path, target: Target = RGB) -> np.ndarray:
    return Pictures(target, parse("unit", target)).of_file(path, f"'{path.name}'")


def test_nested_folders_hidden_files_and_loops_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/10.JPG", "a/deep/er/1.png", "a/.hidden.png", ".git/x.png", "b/Thumbs.db", "README.txt"):
        put(tmp_path / name)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "self.png").symlink_to("self.png")
    (tmp_path / "b" / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "b" / "pipe.png")
    folder = images_in(tmp_path, "data")
    assert folder.files == ("a/deep/er/1.png", "b/10.JPG", "b/2.jpg")
    assert folder.others == 5 and folder.classes == ["a", "b"]


def test_folders_without_images_say_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is a folder without images .* and is empty"):
        images_in(tmp_path, "data")
    put(tmp_path / "d.npz")
    with pytest.raises(UsageError, match=r"it has 1 other files, such as 'd\.npz'"):
        images_in(tmp_path, "data")
    with pytest.raises(FileError, match="cannot be read"):
        images_in(tmp_path / "none", "data")


def test_a_subset_is_spread_over_classes_and_over_each_of_them() -> None:
    files = tuple(f"a/{i:03}.jpg" for i in range(100)) + tuple(f"b/{i}.jpg" for i in range(3)) + ("c/0.jpg",)
    few = ImageFolder(Path(), "data", files, labels=(0,) * 100 + (1,) * 3 + (2,)).spread(12)
    assert few.files[:4] == ("a/000.jpg", "b/0.jpg", "c/0.jpg", "a/012.jpg")
    assert sorted(few.labels or ()) == [0] * 8 + [1] * 3 + [2]
    assert few == ImageFolder(Path(), "data", files, labels=(0,) * 100 + (1,) * 3 + (2,)).spread(12)


def test_labels_by_sub_folder(tmp_path: Path) -> None:
    names = ImageFolder(tmp_path, "data", ("cat/1.jpg", "dog/1.jpg"))
    assert labelled(names, 2).labels == (0, 1)
    assert labelled(names, 3, ["dog", "emu", "cat"]).labels == (2, 0)
    assert labelled(names, 1000).labels is None
    with pytest.raises(UsageError, match=r"2 sub-folders .* and the model 1000 classes: name them by the numbers"):
        labelled(names, 1000, needed=True)
    assert labelled(ImageFolder(tmp_path, "data", ("007/1.jpg", "10/1.jpg")), 1000).labels == (7, 10)
    trap = labelled(ImageFolder(tmp_path, "data", ("1/a.jpg", "10/a.jpg", "2/a.jpg")), 3)
    assert trap.labels == (0, 1, 2) and "'1' is 0" in trap.notes[0]
    with pytest.raises(UsageError, match=r"'loose\.jpg' lies in no sub-folder, others do"):
        labelled(ImageFolder(tmp_path, "data", ("a/1.jpg", "loose.jpg")), 2, needed=True)


@pytest.mark.parametrize(
    "text",
    [
        "file,label\na/1.jpg,1\nb/2.jpg,0\n",
        "\ufeffa/1.jpg,1\r\n./b/2.jpg,0\r\n",
        "label;image\n1;a\\1.jpg\n0;b/2.jpg\n",
        "a/1.jpg\tdog\n\n2.jpg\tcat\n",
        'name,size,class\n"a/1.jpg",3,dog\n"b/2.jpg",4,cat',
    ],
)
def test_a_csv_of_labels_is_read_as_programs_write_it(tmp_path: Path, text: str) -> None:
    put(tmp_path / "l.csv", text.encode())
    folder = ImageFolder(tmp_path, "data", ("a/1.jpg", "b/2.jpg", "c.jpg"))
    seen = labelled_by_csv(folder, tmp_path / "l.csv", 2, ["cat", "dog"])
    assert (seen.files, seen.labels) == (("a/1.jpg", "b/2.jpg"), (1, 0))
    assert seen.notes == ("1 of 3 images of data are not in l.csv, and left out",)
    assert labelled_by_csv(folder, tmp_path / "l.csv", 2, ["cat", "dog"], needed=False) is folder


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a.jpg,2", "line 1: the label is 2, but the model has 2 classes"),
        (b"a.jpg,-1", "line 1: the label is -1, but the model has 2 classes, numbered from 0"),
        (b"a.jpg,2.0", "line 1: the label is 2.0, but the model has 2 classes"),
        (b"a.jpg,0.5", "line 1: the label is 0.5, but classes have whole numbers, from 0"),
        (b"a.jpg,", "line 1: the label is missing: a row is file,label"),
        (b"a.jpg,dig", "the label 'dig' is none of the 2 classes; did you mean 'dog'"),
        (b"file,label\nb.jpg,1", "line 2: 'b.jpg' is no image of data; did you mean 'a.jpg'"),
        (b"a.jpg", "line 1 is 'a.jpg': a row is file,label"),
        (b"a.jpg,1\na.jpg,0", "line 2: 'a.jpg' has two labels, 1 and 0"),
        (b"", "names no image"),
        (b"file,label\n", "names no image"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is no text"),
        ("ä.jpg,1".encode("latin-1"), "is no text in UTF-8"),
    ],
)
def test_other_csvs_are_answered_with_the_line(tmp_path: Path, text: bytes, said: str) -> None:
    put(tmp_path / "l.csv", text)
    with pytest.raises(UsageError) as caught:
        labelled_by_csv(ImageFolder(tmp_path, "data", ("a.jpg",)), tmp_path / "l.csv", 2, ["cat", "dog"])
    assert said in str(caught.value) and str(caught.value).startswith("--labels")


def test_names_of_classes(tmp_path: Path) -> None:
    put(tmp_path / "c.txt", b"\xef\xbb\xbfcat\r\ndog\n\n")
    assert class_names(tmp_path / "c.txt") == ["cat", "dog"]
    for text, said in ((b"", "is empty"), (b"a\n\nb", "line 2 is empty"), (b"a\na", "'a' twice")):
        put(tmp_path / "c.txt", text)
        with pytest.raises(UsageError, match=said):
            class_names(tmp_path / "c.txt")
    with pytest.raises(FileError, match="does not exist"):
        class_names(tmp_path / "none.txt")
    folder = ImageFolder(tmp_path, "data", ("a.jpg",))
    put(tmp_path / "l.csv", b"a.jpg,cat")
    with pytest.raises(UsageError, match=r"the label 'cat' is a name: give --classes"):
        labelled_by_csv(folder, tmp_path / "l.csv", 2, [])
    put(tmp_path / "l.csv", b"a.jpg,1.0")  # as tables have it where other rows have no label
    assert labelled_by_csv(folder, tmp_path / "l.csv", 2, []).labels == (1,)


def test_every_kind_of_image_becomes_what_the_network_reads(tmp_path: Path) -> None:
    image = Image.fromarray(SQUARE)
    for mode in ("RGB", "RGBA", "L", "LA", "1", "CMYK", "P"):
        made = image.convert(mode) if mode != "LA" else image.convert("L").convert("LA")
        path = tmp_path / f"{mode}.{'tif' if mode == 'CMYK' else 'png'}"
        made.save(path)
        assert read(path).shape == (2, 2, 3) and read(path, GREY).shape == (2, 2, 1)
        if mode in ("RGB", "RGBA", "CMYK"):
            np.testing.assert_array_equal(read(path), SQUARE)
    image.quantize(4).save(tmp_path / "t.png", transparency=0)
    assert read(tmp_path / "t.png").shape == (2, 2, 3)
    Image.fromarray(np.full((2, 2), 0x1234, np.uint16)).save(tmp_path / "16.png")
    assert (read(tmp_path / "16.png") == 0x12).all()
    Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(UsageError, match=r"'f\.tif' has floating point pixels"):
        read(tmp_path / "f.tif")


def test_photographs_are_turned_as_their_exif_says_and_cut_from_the_middle(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(SQUARE).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "turned.png"), np.rot90(SQUARE, -1))
    wide = np.zeros((4, 9, 3), np.uint8)
    wide[:, 4:6] = 255  # round(3.5) is 4, as torchvision has it
    Image.fromarray(wide).save(tmp_path / "wide.png")
    plain = Pictures(RGB, parse("unit,resize=none", RGB))
    assert (plain.of_file(tmp_path / "wide.png", "it") == 255).all()
    with pytest.raises(UsageError, match=r"it has 1x1 pixels .* does not resize: say resize"):
        plain.of_image(Image.new("RGB", (1, 1)), "it")


def bomb() -> bytes:
    """The header of a PNG of 60,000 by 60,000 pixels, and nothing of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_files_that_are_no_images_are_answered_with_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(whole, "JPEG")
    for name, content, said in (
        ("empty.jpg", b"", "is empty"),
        ("text.jpg", b"not an image", "is no image that can be read"),
        ("page.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no image that can be read"),
        ("cut.jpg", whole.getvalue()[:-200], "is damaged"),
        ("bomb.png", bomb(), "is too large|says that it has 60000x60000 pixels"),
    ):
        put(tmp_path / name, content)
        with pytest.raises(UsageError, match=f"'{name}' ({said})"):
            read(tmp_path / name)
    with pytest.raises(FileError, match=r"'gone\.jpg' cannot be read"):
        read(tmp_path / "gone.jpg")
    Image.new("RGB", (20, 20)).save(tmp_path / "large.png")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    with pytest.raises(UsageError, match="says that it has 20x20 pixels"):
        read(tmp_path / "large.png")


def test_without_pillow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a.png", b"")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(UsageError, match=r"Pillow is needed to read images: pip install 'dyadic\[images\]'"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("layout", ["first", "last", "one", "grey"])
def test_arrays_of_pixels_are_images_whichever_way_they_lie(layout: str) -> None:
    batch = np.random.default_rng(0).integers(0, 256, (5, 2, 2, 3), np.uint8)
    grey = np.repeat(batch[:1, :, :, :1], 3, 3)
    given, pixels = {
        "first": (batch.transpose(0, 3, 1, 2), batch),
        "last": (batch, batch),
        "one": (batch[0], batch[:1]),
        "grey": (batch[0, :, :, 0], grey),
    }[layout]
    right = pixels[..., ::-1].transpose(0, 3, 1, 2) - np.array([103.939, 116.779, 123.68], np.float32).reshape(3, 1, 1)
    np.testing.assert_array_equal(Pictures(RGB, parse("caffe", RGB)).of_array(given, "it"), right)


def test_arrays_of_numbers_are_preprocessed_already_and_only_moved() -> None:
    values = np.random.default_rng(0).normal(size=(5, 2, 2, 3)).astype(np.float32)
    pictured = Pictures(RGB, parse("torchvision", RGB))
    np.testing.assert_array_equal(pictured.of_array(values, "it"), values.transpose(0, 3, 1, 2))
    with pytest.raises(UsageError, match=r"preprocessed already .* reads other sizes"):
        pictured.of_array(np.zeros((5, 4, 4, 3), np.float32), "it")
    with pytest.raises(UsageError, match="other sizes"):
        pictured.of_array(np.zeros((5, 7), np.float32), "it")
    larger = np.zeros((2, 8, 8, 3), np.uint8)
    assert pictured.of_array(larger, "it").shape == (2, 3, 2, 2)
