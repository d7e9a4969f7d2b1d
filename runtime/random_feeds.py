"""Inputs for measuring an artifact: any will do, as long as all runs get the same."""

import numpy as np

from dyadic.runtime.session import Session


def random_feeds(session: Session, batch: int) -> dict[str, np.ndarray]:
    """Samples that use the whole range of each input, all tokens valid; always the same ones."""
    generator = np.random.default_rng(0)
    feeds = {}
    for info in session.inputs:
        sizes = info.shape if info.fixed and not session.batch_first else (batch, *info.batch_first[1:])
        shape = tuple(int(n) for n in sizes)
        if info.limits is not None:
            low, high = info.limits
            low = 1 if (low, high) == (0, 1) else low
            feeds[info.name] = generator.integers(low, high + 1, shape).astype(info.dtype)
            continue
        ends = np.iinfo(info.raw_dtype)
        integers = generator.integers(ends.min, ends.max + 1, shape)
        real = ((integers - info.zero_point) * info.scale).astype(np.float32)
        feeds[info.name] = integers.astype(info.dtype) if info.dtype == info.raw_dtype else real
    return feeds
