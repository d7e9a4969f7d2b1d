# Run by lit: `lit lit_tests` from the root of the tree.
# ruff: noqa: F821  (lit defines config and lit_config)
import sys
from pathlib import Path

import lit.formats

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from live_checks import dead_checks  # noqa: E402

config.name = "dyadic"
config.suffixes = [".mlir"]
config.excludes = ["Inputs"]
config.test_source_root = str(HERE)
config.test_exec_root = str(HERE.parent / "build" / "lit")
config.test_format = lit.formats.ShTest(execute_external=False)

# The Python that runs lit runs the tools; -P so that a test's own folder is never on its path.
tools = Path(sys.executable).parent
config.substitutions += [
    (r"\bdyadic-opt\b", f"{sys.executable} -P -m dyadic.compiler.opt.main"),
    (r"\bfilecheck\b", str(tools / "filecheck")),
]
config.environment["PYTHONDONTWRITEBYTECODE"] = "1"
config.environment["PYTHONPATH"] = str(HERE.parent)  # this tree, whichever the interpreter has installed
config.environment["DYADIC_EXTENSIONS"] = "off"

# A check that cannot fail stops the run before it starts.
for path in sorted(HERE.rglob("*.mlir")):
    for complaint in dead_checks(path.read_text(encoding="utf-8")):
        lit_config.error(f"{path.relative_to(HERE)}: {complaint}")
