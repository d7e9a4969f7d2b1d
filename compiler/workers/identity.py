"""Whether a worker elsewhere would give the same bits: the same sources and packages, and floats that add up alike.

Libraries choose their kernels by the processor, so the same packages may round differently on another one; a small
computation tells.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from dyadic.compiler.keep.identity import TREE, digest
from dyadic.compiler.workers.one_thread import one_thread

SOURCES = ("compiler", "dialects", "passes", "runtime")
PACKAGES = ("numpy", "torch", "torch-mlir", "llvmlite", "scipy")
DYADIC, FLOATS = "dyadic", "floats"


@cache
def identity() -> dict[str, str]:
    """What results depend on, by name; `DYADIC` is a hash of the sources, `FLOATS` of what was computed."""
    return {
        "python": ".".join(map(str, sys.version_info[:2])),
        DYADIC: digest(tuple(one for one in SOURCES if (TREE / one).is_dir()), ()),
        **{package: version_of(package) for package in PACKAGES},
        FLOATS: floats(),
    }


def difference(names: Sequence[str], seen: dict[str, str], mine: dict[str, str]) -> str:
    """What is not as here, in words.

    >>> difference(["numpy"], {"numpy": "1.0"}, {"numpy": "2.0"})
    'has other versions (numpy 1.0, here 2.0), and could find another plan: install the same there'
    """
    said = {
        DYADIC: "another dyadic than here",
        FLOATS: "a processor that rounds floats otherwise than this one",
    }
    each = [said.get(name) or f"{name} {seen.get(name, 'none')}, here {mine[name]}" for name in names]
    return f"has other versions ({'; '.join(each)}), and could find another plan: install the same there"


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def floats() -> str:
    """A hash of what convolutions, products, factors and exponentials of fixed numbers come to, with gradients."""
    import numpy as np
    import torch

    seen, generator = hashlib.sha256(), np.random.default_rng(0)
    a, b = (generator.standard_normal((97, 97)).astype(np.float32) for _ in "ab")
    with one_thread():
        x = torch.from_numpy(generator.standard_normal((3, 13, 17, 17)).astype(np.float32)).requires_grad_()
        w = torch.from_numpy(generator.standard_normal((11, 13, 3, 3)).astype(np.float32)).requires_grad_()
        result = torch.nn.functional.conv2d(x, w, padding=1)
        gradients = torch.autograd.grad(result.log_softmax(1).square().sum(), (x, w))
        products = [a @ b, np.linalg.cholesky((a.T @ a).astype(np.float64) + np.eye(97)), np.exp(a)]
        others = [result, *gradients, torch.from_numpy(a) @ torch.from_numpy(b)]
    for array in (*products, *(one.detach().numpy() for one in others)):
        seen.update(np.ascontiguousarray(array).tobytes())
    return seen.hexdigest()[:16]
