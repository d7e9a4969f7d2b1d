"""Speed against peers and against the machine: `python -m benchmarks.peers`, `python -m benchmarks.layers`.

Run from the top of a working tree; nothing here ships. Times mean nothing elsewhere; ratios and shares of the peak do.
"""
