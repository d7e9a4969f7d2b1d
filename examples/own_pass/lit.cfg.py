"""`lit .` runs the tests of this folder: the whole configuration of a package with passes of its own."""

# ruff: noqa: F821  (lit defines config)
import sys
from pathlib import Path

import lit.formats

config.name = "own_pass"
config.suffixes = [".mlir"]
config.test_source_root = str(Path(__file__).parent)
config.test_format = lit.formats.ShTest()
config.substitutions += [
    (r"\bdyadic-opt\b", f"{sys.executable} -m dyadic.compiler.opt.main"),
    (r"\bfilecheck\b", str(Path(sys.executable).parent / "filecheck")),
]
