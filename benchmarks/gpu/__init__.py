"""The day when there is a GPU: what it computes and how fast, by one command that needs little time and no compiler.

    python -m benchmarks.gpu prepare FOLDER         where the compiler is: artifacts, kernels, what they answer
    python -m benchmarks.gpu run FOLDER --json OUT  where the GPU is: numpy, `dyadic.runtime`, torch where installed
    python -m benchmarks.gpu predict                what a model says of it beforehand
    python -m benchmarks.gpu table OUT              docs/gpu.md

`run` goes through parts in order of worth, each in a child process under a limit of its own, and writes its JSON after
every answer: a kernel that hangs or poisons the device ends one item, not the run.
"""
