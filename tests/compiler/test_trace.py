"""Passes run through the pass manager: whose fault it is, and what is left on disk."""

import re
from pathlib import Path

import pytest
from torch_mlir import ir

from dyadic.compiler.trace import Trace, run_passes
from dyadic.dialects import new_context
from dyadic.dialects.reference import main_function
from dyadic.passes.rewriting import Pass
from dyadic.runtime.errors import FileError, ModelError

TEXT = """
func.func @main(%x: tensor<1x40xf32>) -> tensor<1x40xf32> {
  %0 = "qd.constant"() {value = dense<1.5> : tensor<40xf32>} : () -> tensor<40xf32>
  %1 = "qd.tanh"(%x) : (tensor<1x40xf32>) -> tensor<1x40xf32> loc("/body/tanh")
  return %1 : tensor<1x40xf32>
}
"""


def tanh(module: ir.Operation) -> ir.Operation:
    return list(main_function(module).operation.regions[0].blocks[0].operations)[-2].operation


def complain(module: ir.Operation) -> None:
    tanh(module).location.emit_error("cannot be had")
    tanh(module).location.emit_error("twice")


def crash(module: ir.Operation) -> None:
    tanh(module).attributes["left"] = ir.UnitAttr.get(module.context)
    raise LookupError("planted")


def run(one: Pass | str, trace: Trace | None = None) -> None:
    with new_context():
        run_passes(ir.Module.parse(TEXT).operation, [one], "prepare", trace or Trace())


def test_errors_on_ops_are_the_models_fault_and_named() -> None:
    with pytest.raises(ModelError, match=r'^"/body/tanh": cannot be had; "/body/tanh": twice$'):
        run(Pass("complain", "", complain))


def test_exceptions_are_ours_and_leave_the_module_as_it_was() -> None:
    with pytest.raises(LookupError, match="planted") as caught:
        run(Pass("crash", "", crash))
    note = re.fullmatch(r"replay it with: dyadic-opt -p 'crash' (.+\.mlirbc)", caught.value.__notes__[0])
    assert note
    with new_context():
        module = ir.Module.parse(Path(note[1]).read_bytes())
        assert "left" not in tanh(module.operation).attributes
    Path(note[1]).unlink()
    Path(note[1]).parent.rmdir()


def test_pages_are_numbered_and_short(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "pages")
    run("canonicalize", trace)
    run("cse", trace)
    assert sorted(p.name for p in (tmp_path / "pages").iterdir()) == [
        "00-prepare-canonicalize.mlir",
        "01-prepare-cse.mlir",
    ]
    assert '"/body/tanh"' in (tmp_path / "pages" / "01-prepare-cse.mlir").read_text()


def test_a_folder_that_cannot_be_made_is_a_file_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot make the trace folder"):
        Trace(tmp_path / "file" / "pages")
