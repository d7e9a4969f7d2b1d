"""Speed against peers and against the machine: `python -m benchmarks.peers`, `python -m benchmarks.layers`.

And `python -m benchmarks.replay`: whether a change of code changed anything that is compiled.

Run from the top of a working tree; nothing here ships. Times mean nothing elsewhere; ratios and shares of the peak do.
"""
