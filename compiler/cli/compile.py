"""`dyadic compile`, once its command line is read: the artifact is saved before it is measured, a plan in any case."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from dyadic.compiler.driver import build_artifact, measured
from dyadic.compiler.job import Job
from dyadic.compiler.options import Options
from dyadic.compiler.tools import Tools
from dyadic.compiler.widths.plan import Plan, write_plan
from dyadic.compiler.widths.scheme import parse
from dyadic.runtime.errors import BudgetError, DyadicError, SearchInterrupted


def compile_to(job: Job, output: Path) -> None:
    """Compile, save, measure, save again with what was measured, and show it.

    Raises:
        BudgetError: says where the nearest plan was written.
        DyadicError, KeyboardInterrupt: say what was written before.
    """
    tools = Tools.of(job)
    with tools.workers:
        with plans_kept(job, output):
            compiled = build_artifact(job, tools)
        compiled.artifact.save(output)
        with saying(f"the artifact is complete in {output}, without measurements in its report"):
            artifact = measured(compiled, tools)
    if artifact is not compiled.artifact:
        artifact.save(output)
    tools.progress.result("compile", lambda: {"artifact": output.name, **artifact.facts(output.stat().st_size)})
    if job.progress != "json":
        from dyadic.compiler.cli.compile_table import show

        show(artifact, output)


@contextmanager
def plans_kept(job: Job, output: Path) -> Iterator[None]:
    """Whatever plan a search has when it ends without one that fits, is in a file."""
    try:
        yield
    except BudgetError as error:
        raise BudgetError(f"{error}; {keep_plan(error.plan, job, output)}") from error
    except SearchInterrupted as interrupt:
        raise KeyboardInterrupt(f"no artifact was written, but {keep_plan(interrupt.plan, job, output)}") from None


class saying(AbstractContextManager[None]):
    """`with saying(sentence):` whatever ends the block early says that, too."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(self.sentence) from None
        if isinstance(error, DyadicError):
            error.args = (f"{error}; {self.sentence}", *error.args[1:])
        elif error is not None:
            error.add_note(self.sentence)


def keep_plan(layers: Mapping[str, str], options: Options, output: Path) -> str:
    """Write a plan where the user asked for it, or beside the output; says so."""
    path = Path(options.emit_plan or output.with_suffix(".plan.json"))
    write_plan(Plan({name: parse(scheme) for name, scheme in layers.items()}), path, list(layers))
    return f"the plan is in {path}: compile it with --plan, or edit it first"
