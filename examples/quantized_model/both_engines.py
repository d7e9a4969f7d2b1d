"""A network that ONNX Runtime quantized, run by ONNX Runtime and as a program of integers alone.

python examples/quantized_model/both_engines.py
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import dyadic

DIGITS = Path(__file__).resolve().parent.parent / "digits"


class Images(CalibrationDataReader):
    """Samples one by one, as the quantizer asks for them."""

    def __init__(self, images: np.ndarray) -> None:
        self.left = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        image = next(self.left, None)
        return None if image is None else {"image": image[None]}


def quantized(folder: Path) -> Path:
    """The digits network between QuantizeLinear and DequantizeLinear, as a team that uses ONNX Runtime has it."""
    plain, path = folder / "plain.onnx", folder / "quantized.onnx"
    quant_pre_process(str(DIGITS / "digits.onnx"), str(plain))  # folds batch norms
    images = np.load(DIGITS / "train.npz")["image"][:200]
    quantize_static(str(plain), str(path), Images(images), quant_format=QuantFormat.QDQ, per_channel=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("digits_qdq.dyq"))
    given = parser.parse_args()
    test = np.load(DIGITS / "test.npz")
    images, labels = test["image"], test["labels"]
    with tempfile.TemporaryDirectory() as folder:
        path = quantized(Path(folder))
        theirs = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (wanted,) = theirs.run(None, {"image": images})
        # every scale and every code is in the file: no calibration data
        artifact = dyadic.compile(path, measure=False)
    artifact.save(given.output)
    with dyadic.load(given.output, max_batch=len(images)) as session:
        logits = session(images)
    step = float(np.unique(np.abs(wanted))[1])  # of the scale that the file gives the logits
    right, same = logits.argmax(1) == labels, logits.argmax(1) == wanted.argmax(1)
    print(f"ONNX Runtime: {100 * (wanted.argmax(1) == labels).mean():.2f} % of {len(labels)} samples right")
    print(f"integers alone: {100 * right.mean():.2f} %, the same class for {100 * same.mean():.2f} %")
    apart = np.abs(logits - wanted).max() / step
    print(f"logits: {100 * (logits == wanted).mean():.1f} % equal, at most {apart:.0f} steps apart")
    print(artifact.certificate.summary())


if __name__ == "__main__":
    main()
