"""dyadic compiles trained networks to programs of integer multiply, add and shift.

    artifact = dyadic.compile("model.onnx", calibration="images.npz")
    artifact.save("model.dyq")
    session = dyadic.load("model.dyq", threads=4)
    logits = session(x)

Nothing is imported before it is used: `load` needs numpy alone, `compile` the extra `dyadic[compile]`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dyadic.compiler.driver import compile as compile
    from dyadic.compiler.layer_list import layers as layers
    from dyadic.runtime.errors import DyadicError as DyadicError
    from dyadic.runtime.session import Session as Session
    from dyadic.runtime.session import load as load

__version__ = "0.1.0"
__all__ = ["DyadicError", "Session", "compile", "layers", "load"]

_HOME = {
    "DyadicError": "dyadic.runtime.errors",
    "Session": "dyadic.runtime.session",
    "compile": "dyadic.compiler.driver",
    "layers": "dyadic.compiler.layer_list",
    "load": "dyadic.runtime.session",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'dyadic' has no attribute '{name}'")
    try:
        value = getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == "dyadic":
            raise
        raise ImportError(
            f"dyadic.{name} needs the package '{missing.name}', which is not installed; "
            "try: pip install 'dyadic[compile]'"
        ) from missing
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
