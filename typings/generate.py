"""Make the stubs of torch-mlir's bindings anew, from the wheel that is installed:

    pip install nanobind
    python typings/generate.py
"""

import re
import subprocess
import sys
from pathlib import Path

# Partial stubs (PEP 561): what they do not have is taken from the package itself.
HERE = Path(__file__).resolve().parent / "torch_mlir-stubs"
LIBS = "torch_mlir._mlir_libs"

# module of the extension -> where its stub goes
STUBS = {
    f"{LIBS}._mlir.ir": "ir.pyi",
    f"{LIBS}._mlir.passmanager": "passmanager.pyi",
    f"{LIBS}._mlir.rewrite": "rewrite.pyi",
    f"{LIBS}._mlirDialectsQuant": "_mlir_libs/_mlirDialectsQuant.pyi",
    f"{LIBS}._mlirDialectsLLVM": "_mlir_libs/_mlirDialectsLLVM.pyi",
}

# What comes out of the bindings has its most derived class, which the stubs cannot say.
DERIVED = ("Attribute", "Type")
ANYTHING = "    def __getattr__(self, name: str) -> Any: ...\n\n"


def main() -> None:
    for module, place in STUBS.items():
        path = HERE / place
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "nanobind.stubgen", "-q", "-m", module, "-o", path], check=True)
        path.write_text(corrected(path.read_text(), place))
    (HERE / "py.typed").write_text("partial\n")


def corrected(text: str, place: str) -> str:
    # The extension calls itself by other names than its users do.
    text = re.sub(r"(?<![\w.])(?:torch_mlir\._mlir_libs\.)?_mlir\.ir\b", "torch_mlir.ir", text)
    text = text.replace("array: Buffer", "array: Any")  # numpy's arrays are no buffers to a type checker before 3.12
    if place == "ir.pyi":
        text = text.replace("import torch_mlir.ir\n", "").replace("torch_mlir.ir.", "")
        for name in DERIVED:
            text = re.sub(rf"^(class {name}:\n)", rf"\1{ANYTHING}", text, flags=re.M)
        text = text.replace("from typing import ", "from typing import Any, ", 1)
        text = text.replace("def locations(self) -> list[object]", "def locations(self) -> list[Location]")
    return text


if __name__ == "__main__":
    main()
