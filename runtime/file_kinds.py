"""What a file is that somebody took for a model or an artifact: by its first bytes, else by its name.

Nothing is unpacked or run. Each kind knows what would work, in a few words that end a sentence.
"""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from dyadic.runtime.wording import near

HEAD = 4096  # bytes that are looked at
ARTIFACT = "an artifact of dyadic"
ONNX = "an ONNX model"
FROM_TORCH = (
    'write an ONNX file with torch.onnx.export(module, (x,), "model.onnx"), or give the module itself to '
    "dyadic.compile in Python, with example_inputs=(x,)"
)
FROM_KERAS = 'write an ONNX file with model.export("model.onnx", format="onnx"), or with tf2onnx'


@dataclass(frozen=True)
class FileKind:
    """`name` with its article; `instead`: what makes an ONNX file of it, or what it is good for."""

    name: str
    instead: str


EMPTY = FileKind("an empty file", "export or copy it again")
MAGICS: tuple[tuple[int, bytes, FileKind], ...] = (  # (where, the bytes, what it is)
    (0, b"\x89DYQ", FileKind(f"{ARTIFACT}, compiled already", "`dyadic run` and dyadic.load take it")),
    (4, b"TFL3", FileKind("a TensorFlow Lite model", "python -m tf2onnx.convert --tflite FILE --output model.onnx")),
    (4, b"ORTM", FileKind("a model in ONNX Runtime's own format", "give the ONNX file that it was made from")),
    (0, b"\x89HDF\r\n\x1a\n", FileKind("an HDF5 file, as Keras writes", FROM_KERAS)),
    (0, b"GGUF", FileKind("a GGUF file of weights", "export the network to ONNX from where it was trained")),
    (0, b"ftrt", FileKind("an engine of TensorRT", "give the ONNX file that it was built from")),
    (0, b"\x93NUMPY", FileKind("a NumPy array", "it may be data, for --calibration or --evaluate")),
    (0, b"version https://git-lfs", FileKind("a pointer of Git LFS", "git lfs pull brings the file itself")),
    (0, b"\x89PNG", FileKind("an image", "a model is an ONNX file")),
    (0, b"\xff\xd8\xff", FileKind("an image", "a model is an ONNX file")),
    (0, b"\x1f\x8b", FileKind("a file compressed by gzip", "unpack it first")),
    (0, b"\x7fELF", FileKind("a program or library", "a model is an ONNX file")),
    (0, b"\x80\x02", FileKind("a pickle, as older versions of PyTorch write", FROM_TORCH)),
    (0, b"\x80\x04", FileKind("a pickle", FROM_TORCH)),
    (0, b"\x80\x05", FileKind("a pickle", FROM_TORCH)),
)
SUFFIXES = {
    ".onnx.data": FileKind("the external data of an ONNX model", "give the .onnx file beside it"),
    ".onnx_data": FileKind("the external data of an ONNX model", "give the .onnx file beside it"),
    ".safetensors": FileKind("a file of weights, without the network", FROM_TORCH),
    ".pt": FileKind("a file of PyTorch", FROM_TORCH),
    ".pth": FileKind("a file of PyTorch", FROM_TORCH),
    ".pt2": FileKind("an exported program of PyTorch", FROM_TORCH),
    ".ckpt": FileKind("a checkpoint", FROM_TORCH),
    ".tflite": FileKind(
        "a TensorFlow Lite model by its name", "python -m tf2onnx.convert --tflite FILE --output model.onnx"
    ),
    ".pb": FileKind("a graph of TensorFlow", "python -m tf2onnx.convert --graphdef FILE --output model.onnx"),
    ".h5": FileKind("a model of Keras by its name", FROM_KERAS),
    ".keras": FileKind("a model of Keras by its name", FROM_KERAS),
    ".mlmodel": FileKind("a Core ML model", "export the network to ONNX from where it was trained"),
    ".mlpackage": FileKind("a Core ML model", "export the network to ONNX from where it was trained"),
    ".npz": FileKind("a .npz file of arrays", "it may be data, for --calibration or --evaluate"),
    ".npy": FileKind("a NumPy array", "it may be data, for --calibration or --evaluate"),
    ".dyq": FileKind(f"{ARTIFACT} by its name", "give the ONNX file that it was made from"),
    ".py": FileKind("a program in Python", "a model is an ONNX file, or in Python a torch.nn.Module"),
    ".xml": FileKind("a model of OpenVINO by its name", "give the ONNX file that it was made from"),
}
TEXT = FileKind("a text file", "a model is an ONNX file")
PAGE = FileKind("a web page, as downloads leave that failed", "download the file itself")


def kind_of_bytes(head: bytes, name: str = "") -> FileKind | None:
    """What begins like this, else what is called like `name`; None where neither says anything."""
    if not head:
        return EMPTY
    for place, magic, kind in MAGICS:
        if head[place : place + len(magic)] == magic:
            return kind
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32 and b"}" in head:
        return SUFFIXES[".safetensors"]
    if looks_like_onnx(head):
        same_start = (".pb", ".mlmodel")  # are messages of the same kind
        return next((SUFFIXES[one] for one in same_start if name.lower().endswith(one)), FileKind(ONNX, ""))
    if b"\0" not in head and is_text(head):
        start = head[:256].lstrip().lower()
        if start.startswith((b"<!doctype", b"<html")):
            return PAGE
        if start.startswith(b"<?xml"):
            return SUFFIXES[".xml"]
        return SUFFIXES[".py"] if name.endswith(".py") else TEXT
    return next((kind for suffix, kind in SUFFIXES.items() if name.lower().endswith(suffix)), None)


def kind_of_file(path: str | os.PathLike[str]) -> FileKind | None:
    """The same of a file or folder; None also where it cannot be read."""
    where = Path(path)
    if where.is_dir():
        return kind_of_folder(where)
    try:
        with open(where, "rb") as file:
            head = file.read(HEAD)
    except (OSError, ValueError):
        return None
    if head[:4] == b"PK\x03\x04":
        return kind_of_archive(where)
    return kind_of_bytes(head, where.name)


def kind_of_archive(path: Path) -> FileKind:
    """Of a zip file, by the names in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:10_000]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return FileKind("a zip file that is damaged", "copy it again")
    ends = {name.rpartition("/")[2] for name in names}
    if {"config.json", "metadata.json"} <= ends:
        return FileKind("a model of Keras", FROM_KERAS)
    if any(name.partition("/")[2].startswith(("models/", "code/")) or "archive_format" in name for name in names):
        program = "an exported program of PyTorch" if "archive_format" in ends else "a TorchScript module"
        return FileKind(program, FROM_TORCH)
    if "data.pkl" in ends:
        return FileKind("a file of PyTorch", FROM_TORCH)
    if names and all(name.endswith(".npy") for name in names):
        return SUFFIXES[".npz"]
    inside = [name for name in names if name.endswith(".onnx")]
    return FileKind("a zip file", f"unpack {inside[0]} from it" if inside else "a model is an ONNX file")


def kind_of_folder(path: Path) -> FileKind:
    """Of a folder, by what lies in it."""
    names = sorted(one.name for one in path.iterdir()) if os.access(path, os.R_OK | os.X_OK) else []
    if "saved_model.pb" in names:
        return FileKind(
            "a SavedModel of TensorFlow", "python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"
        )
    if path.suffix == ".mlpackage":
        return SUFFIXES[".mlpackage"]
    models = [name for name in names if name.endswith(".onnx")]
    if models:
        return FileKind("a folder", f"give the file in it: {path / models[0]}")
    if "config.json" in names and any(name.endswith((".safetensors", ".bin")) for name in names):
        return FileKind("a folder of Hugging Face", "optimum-cli export onnx --model FOLDER OUTPUT writes an ONNX file")
    return FileKind("a folder", "a file is needed")


def looks_like_onnx(head: bytes) -> bool:
    """A ModelProto as everybody writes it: the IR's version first, then the producer or what follows that.

    >>> looks_like_onnx(bytes([8, 8, 18, 7]) + b"pytorch"), looks_like_onnx(b"PK")
    (True, False)
    """
    return len(head) > 4 and head[0] == 8 and 1 <= head[1] <= 20 and head[2] in (0x12, 0x1A, 0x22, 0x32, 0x3A, 0x42)


def is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without control characters, but for a letter that was cut in two."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode()
    return all(c.isprintable() or c in "\r\n\t\f" for c in text)


def similar_files(path: str | os.PathLike[str]) -> str:
    """The end of a sentence about a file that is not there: those beside it with nearly that name.

    >>> similar_files("/no/such/model.onnx")
    ": there is no folder '/no/such'"
    """
    where = Path(path)
    folder = where.parent
    if where.is_symlink():
        return f": it is a link to '{os.readlink(where)}', which is not there"
    if not folder.is_dir():
        return f": there is no folder '{folder}'"
    names = [one.name for one in folder.iterdir()] if os.access(folder, os.R_OK | os.X_OK) else []
    found = near(where.name, sorted(names), least=0.75)
    return f"; did you mean {' or '.join(str(folder / name) for name in found)}?" if found else ""
