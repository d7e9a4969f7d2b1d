"""A detector from training to boxes: `python detect.py` trains it, compiles it and prints what is on a few images.

What the network computes ends with boxes and scores; which boxes remain is decided outside, for float and integers by
the same function.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from detector import CLASSES, Truth, kept, matched, shapes, trained

import dyadic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="batches to learn from")
    parser.add_argument("--images", type=int, default=100, help="to compare on; the first few are printed")
    parser.add_argument("-o", "--output", type=Path, default=Path("detector.dyq"))
    given = parser.parse_args()
    network = trained(given.steps)
    calibration, _, _ = shapes(64, seed=1_000_001)
    example = (torch.from_numpy(calibration[:1]),)
    dyadic.compile(network, calibration=calibration, example_inputs=example, measure=False).save(given.output)

    images, truths, _ = shapes(given.images, seed=1_000_002)
    with torch.no_grad():
        real = [each.numpy() for each in network(torch.from_numpy(images))]
    with dyadic.load(given.output, max_batch=len(images)) as session:
        made = session(images)
    of_float, of_integers = ([kept(*one) for one in zip(*each, strict=True)] for each in (real, made))
    for n in range(min(3, len(images))):
        print(f"image {n}")
        for name, boxes in (("drawn", truths[n]), ("float", of_float[n]), ("integers", of_integers[n])):
            print(f"  {name:9}", ", ".join(sorted(f"{CLASSES[k]} at {np.round(box, 1).tolist()}" for k, box in boxes)))
    print(f"found by float: {share(of_float, truths, 0.5)}, by integers: {share(of_integers, truths, 0.5)}")
    print(f"boxes of float that integers have, nine tenths of them at least: {share(of_integers, of_float, 0.9)}")


def share(found: list[Truth], wanted: list[Truth], least: float) -> str:
    """How many of all wanted boxes were found."""
    count = sum(matched(a, b, least) for a, b in zip(found, wanted, strict=True))
    return f"{count} of {sum(map(len, wanted))}"


if __name__ == "__main__":
    main()
