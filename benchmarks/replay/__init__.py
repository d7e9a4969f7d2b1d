"""Proof that a change of the compiler's code changed nothing that it makes: `python -m benchmarks.replay`.

A zoo of networks is compiled and what comes out is hashed, section by section: the integer graph, the program, weights
and parameters, the code of every level, the answers of a session. A record of hashes from before is compared with one
from after. It proves equality, not correctness: the tests do that.
"""
