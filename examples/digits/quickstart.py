"""The whole path, in half a minute: a trained network in, an integer-only artifact out, real handwriting classified.

python examples/digits/quickstart.py
"""

from pathlib import Path

import numpy as np

import dyadic
from dyadic.compiler.cli.main import main as command_line

HERE = Path(__file__).resolve().parent
ARTIFACT = Path("digits.dyq")
SHADES = " .:-=+*#%@"


def picture(image: np.ndarray) -> list[str]:
    """One sample, an 8x8 image in [0, 1], as text."""
    return ["".join(SHADES[round(9 * float(value))] * 2 for value in row) for row in image[0]]


def main() -> int:
    # dyadic compile digits.onnx --calibration train.npz --evaluate test.npz -o digits.dyq --threads 1
    words = ["compile", HERE / "digits.onnx", "--calibration", HERE / "train.npz", "--evaluate", HERE / "test.npz"]
    code = command_line([*map(str, words), "-o", str(ARTIFACT), "--threads", "1"])
    if code:
        return code

    # What a program does with the artifact. None of these samples was seen in training or calibration.
    test = np.load(HERE / "test.npz")
    images, labels = test["image"][:5], test["labels"][:5]
    with dyadic.load(ARTIFACT, threads=1, max_batch=5) as session:
        logits = session(images)
    print(f"\n{ARTIFACT} reads these samples of real handwriting:\n")
    for rows in zip(*(picture(image) for image in images), strict=True):
        print("   ".join(rows))
    answers = (f"is {answer}, should be {label}" for answer, label in zip(logits.argmax(1), labels, strict=True))
    print("   ".join(f"{answer:16}" for answer in answers))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
