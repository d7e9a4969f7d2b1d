"""Commands as the pages have them, and small files of the names that they speak of."""

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from support.onnx_models import model, run_onnxruntime
from support.quantized_models import float_network, quantized

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
SHELL = re.compile(r"^```(?:bash|sh|console)\n(.*?)^```", re.M | re.S)
IMAGE, CLASSES = (3, 16, 16), ("cat", "dog", "fox")
BODY = (
    "c = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w, b) r = Relu(c) g = GlobalAveragePool(r) f = Flatten(g) "
    "fc1 = Gemm(f, v, d) h = Relu(fc1) similarity = Gemm(h, u, e)"
)
WEIGHTS = {"w": [16, 3, 3, 3], "b": [16], "v": [16, 12], "d": [12], "u": [12, 3], "e": [3]}
METRIC = """
from scipy.stats import spearmanr


def spearman(outputs, data):
    return spearmanr(outputs["similarity"][:, 0], data["scores"]).statistic
"""


@dataclass(frozen=True)
class Command:
    """A line of a page, without its remark; a line that ends in a backslash goes on."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line, comments=True)


def commands(page: Path) -> list[Command]:
    name = str(page.relative_to(ROOT))
    found = []
    for block in SHELL.findall(page.read_text(encoding="utf-8")):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            found += [Command(name, part.strip()) for part in line.split(" && ") if part.strip() and part[0] != "#"]
    return found


def desk(folder: Path) -> Path:
    """A folder with what the pages' commands read, all of it small."""
    random = np.random.default_rng(0)
    network = model(BODY.replace("similarity =", "y ="), f"float[N,{','.join(map(str, IMAGE))}] x", WEIGHTS)
    network.graph.node[-1].output[0] = network.graph.output[0].name = "similarity"
    for node in network.graph.node:
        node.name = node.output[0] if node.output[0] != "similarity" else "fc2"
    x = random.normal(0, 1, (1024, *IMAGE)).astype(np.float32)
    (answers,) = run_onnxruntime(network, x)
    first, second = np.sort(answers, 1)[:, -1], np.sort(answers, 1)[:, -2]
    clear = np.argsort(second - first)[:512]  # what no small error changes, so that limits on losses can be kept
    for name in ("model.onnx", "resnet20.onnx"):
        onnx.save(network, folder / name)
    for name in ("samples.npz", "calibration.npz"):
        np.savez(folder / name, x=x[:64])
    np.savez(folder / "labelled.npz", x=x[clear], labels=answers[clear].argmax(1))
    np.savez(folder / "scored.npz", x=x[:256], scores=answers[:256, 0])
    np.save(folder / "x.npy", x[:2])
    (folder / "quality.py").write_text(METRIC)
    _photos(folder)
    _text(folder)
    _quantized(folder)
    voice = {"w": [576, 4], "r": [128, 4]}
    body = "a = MatMul(input, w) s = Gather(state, k) b = MatMul(s, r) y = Add(a, b)"
    onnx.save(
        model(body, "float[N,576] input, float[2,N,128] state, int64 sr", {**voice, "k": np.array(0, np.int64)}),
        folder / "silero_vad.onnx",
    )
    given, state = (random.normal(0, 1, sizes).astype(np.float32) for sizes in ((32, 1, 576), (32, 2, 1, 128)))
    np.savez(folder / "windows.npz", input=given, state=state)
    (folder / "file.mlir").write_text(
        "func.func @f(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {\n  return %x : tensor<1x8xf32>\n}\n"
    )
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__", "Output"))
    return folder


def _photos(folder: Path) -> None:
    from PIL import Image

    random, listed = np.random.default_rng(1), []
    for place in ("photos", "more_photos", "all_photos", *(f"labelled/{name}" for name in CLASSES)):
        (folder / place).mkdir(parents=True)
        for i in range(8):
            pixels = random.integers(0, 256, (24, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / place / f"{i}.jpg")
    for i in range(8):
        listed.append(f"{i}.jpg,{CLASSES[i % 3]}")
    (folder / "labels.csv").write_text("\n".join(["file,label", *listed]) + "\n")
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")


def _text(folder: Path) -> None:
    """The mean of a layer's results over the tokens that are valid."""
    body = (
        "g = Gather(table, input_ids) m = MatMul(g, w) r = Relu(m) c = Cast<to=1>(attention_mask) "
        "f = Unsqueeze(c, two) p = Mul(r, f) t = ReduceSum<keepdims=0>(p, one) n = ReduceSum<keepdims=0>(f, one) "
        "d = Div(t, n) y = MatMul(d, v)"
    )
    axes = {"one": np.array([1]), "two": np.array([2])}
    inputs = "int64[N,T] input_ids, int64[N,T] attention_mask"
    onnx.save(model(body, inputs, {"table": [20, 8], "w": [8, 8], "v": [8, 3], **axes}), folder / "encoder.onnx")
    random = np.random.default_rng(2)
    valid = np.arange(128) < random.integers(1, 129, (32, 1))
    np.savez(folder / "tokens.npz", input_ids=random.integers(0, 20, (32, 128)), attention_mask=valid.astype(np.int64))


def _quantized(folder: Path) -> None:
    work = folder / "quantizer"
    work.mkdir()
    given = quantized(work, float_network(), "QDQ", "QUInt8", "QInt8", True)
    shutil.copy(given, folder / "quantized.onnx")
    shutil.rmtree(work)
    codes = np.random.default_rng(3).integers(-127, 128, (8, 3, 3, 3)).astype(np.int8)
    scales = {"s": np.full(8, 0.01, np.float32), "z": np.zeros(8, np.int8)}
    body = "w = DequantizeLinear<axis=0>(q, s, z) c = Conv(x, w) y = Relu(c)"
    onnx.save(model(body, f"float[N,{','.join(map(str, IMAGE))}] x", {"q": codes, **scales}), folder / "partly.onnx")
