"""Is the executor right? Random integer programs answer the same there and on the processor, in every bit."""

import re

import numpy as np
import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu, Out
from support.ptx.programs import on_the_processor, random_inputs, random_programs, to_ptx

THREADS, LENGTH = 64, 60
AT_ONCE = 50  # programs of one module
BY_DAY, BY_NIGHT = 1, 40  # modules


def compare(gpu: Gpu, seeds: range) -> None:
    kinds: set[str] = set()
    programs_tried = 0
    for seed in seeds:
        programs = random_programs(seed, AT_ONCE, LENGTH)
        inputs = random_inputs(seed, THREADS)
        text = to_ptx(programs)
        kinds |= set(re.findall(r"^\t(?:@!?%\w+ )?([a-z]\w*(?:\.\w+)*)", text, re.M))
        head, *kernels = text.split("\t// .globl")  # LLVM's own mark of where a kernel begins
        for n, expected in enumerate(on_the_processor(programs, inputs)):
            result = np.zeros_like(inputs)
            gpu.run(head + "//" + kernels[n], f"f{n}", (1,), (THREADS,), [inputs, Out(result)])
            np.testing.assert_array_equal(result, expected, f"seed {seed}, program {n}")
            programs_tried += 1
    print(
        f"\n{programs_tried} programs of {LENGTH} operations, {THREADS} threads, seeds from {seeds.start}: "
        f"no difference; {len(kinds)} kinds of PTX instructions"
    )
    assert len(kinds) >= 80


def test_random_programs_mean_what_they_mean_to_a_processor(gpu: Gpu) -> None:
    compare(gpu, range(BY_DAY))


@pytest.mark.slow
def test_two_thousand_random_programs_mean_what_they_mean_to_a_processor(gpu: Gpu) -> None:
    first = 1000 * int(SEED or 1)
    compare(gpu, range(first, first + BY_NIGHT))
