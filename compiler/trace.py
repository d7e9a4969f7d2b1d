"""Run passes through MLIR's pass manager, and keep a page of IR after each one where someone wants to look.

Everything runs passes through here: IR dumps, verification after each pass and the pass's name in error messages
come from the pass manager and need no code of ours. A pass that fails by our fault leaves a reproducer.
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from dyadic.passes.rewriting import Pass
from dyadic.runtime.errors import DyadicError, FileError, ModelError

# Weights longer than this are elided on a page.
PAGE_ELEMENTS = 16


class Trace:
    """A folder of numbered pages, `07-prepare-fold-batch-norm.mlir`; with no folder, nothing is written."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.pages = 0
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FileError(f"cannot make the trace folder {folder}: {error.strerror}") from error

    def page(self, module: ir.Operation, stage: str, name: str) -> None:
        """Write the module as it is now, weights elided."""
        if self.folder is None:
            return
        text = module.get_asm(
            large_elements_limit=PAGE_ELEMENTS, large_resource_limit=PAGE_ELEMENTS, enable_debug_info=True
        )
        path = self.folder / f"{self.pages:02}-{stage.replace('/', '-')}-{name}.mlir"
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise FileError(f"cannot write the trace page {path}: {error.strerror}") from error
        self.pages += 1


def run_passes(module: ir.Operation, passes: Iterable[Pass | str], stage: str, trace: Trace) -> None:
    """Run `passes` in order: ours, or the text of one of MLIR's own.

    A pass that reports errors on ops has found a fault of the model: all its reports become one `ModelError`.
    IR that does not verify after a pass is a fault of ours and stays an `MLIRError`.
    """
    for one in passes:
        faults: list[str] = []
        manager = PassManager("builtin.module", module.context)
        add(manager, one, faults)
        name = one if isinstance(one, str) else one.name
        with Reproducer(module, name):
            try:
                manager.run(module)
            except ir.MLIRError:
                if faults:
                    raise ModelError("; ".join(faults)) from None
                raise
        trace.page(module, stage, name)


class Reproducer:
    """`with Reproducer(module, pass):` if a fault of ours escapes, the module as it was is written, weights included.

    The command that replays it is added to the exception as a note. Keeping a copy costs little: constants are shared.
    """

    def __init__(self, module: ir.Operation, name: str) -> None:
        self.before, self.name = module.clone(), name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, DyadicError | KeyboardInterrupt):
            return
        path = Path(tempfile.mkdtemp(prefix="dyadic-")) / f"{self.name.partition('{')[0]}.mlirbc"
        with path.open("wb") as file:
            self.before.operation.write_bytecode(file)
        error.add_note(f"replay it with: dyadic-opt -p '{self.name}' {path}")


def add(manager: PassManager, one: Pass | str, faults: list[str]) -> None:
    """Append one pass to `manager`; what it reports on ops is collected in `faults`."""
    if isinstance(one, str):
        manager.add(one)
    else:
        manager.add(reporting(one, faults), one.name, one.name, one.summary)


def reporting(one: Pass, faults: list[str]) -> Callable[..., None]:
    """`one.run` as the pass manager wants it, failing where errors were reported: else the manager would drop them."""

    def note(diagnostic: ir.Diagnostic) -> bool:
        if diagnostic.severity == ir.DiagnosticSeverity.ERROR:
            faults.append(f"{where(diagnostic.location)}{diagnostic.message}")
        return False  # the handler outside shows it too

    def run(op: ir.Operation | ir.OpView, failing: object) -> None:
        seen = len(faults)
        handler = op.context.attach_diagnostic_handler(note)
        try:
            one.run(op.operation)
        finally:
            handler.detach()
        if len(faults) > seen:
            failing.signal_pass_failure()  # pyright: ignore[reportAttributeAccessIssue]  # the bindings do not export its class

    return run


def where(location: ir.Location) -> str:
    """`"/layer1/conv": `, the user's own name for a place, or nothing where it has none."""
    while isinstance(location, ir.FusedLoc):
        location = location.locations[0]
    return f'"{location.name_str}": ' if isinstance(location, ir.NameLoc) else ""
