"""What is true of every context with our dialects."""

import sys
from importlib.machinery import ModuleSpec

import pytest
from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.qd import AddOp

FLOATS = """
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = "qd.add"(%x, %x) : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}
"""


class Searched:
    """The last of the finders: what it is asked for, no other has."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        self.names.append(name)
        return None


def test_a_look_at_an_op_searches_for_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLIR's bindings ask for a module of the dialect's name each time, and do not remember that there is none."""
    searched = Searched()
    with new_context():
        module = ir.Module.parse(FLOATS)
        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, searched])
        body = module.body.operations[0].regions[0].blocks[0].operations
        assert isinstance(body[0].opview, AddOp)
    assert searched.names == []
