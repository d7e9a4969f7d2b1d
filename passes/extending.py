"""Passes of other packages: where in the pipeline they run.

    from dyadic.passes.extending import runs_in
    from dyadic.passes.rewriting import module_pass

    @runs_in("prepare", before="merge-scale-shifts")
    @module_pass
    def halve_twice(module): ...

Importing the file is enough. `compiler/extensions.py` imports those of `--load-passes` and of installed packages.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dyadic.passes import PIPELINE
from dyadic.passes.rewriting import Pass
from dyadic.runtime.errors import UsageError
from dyadic.runtime.wording import known_names

LAST = "verify-integer"  # the proof is about what it sees: nothing of its stage runs behind it


@dataclass(frozen=True)
class Extension:
    """A pass that is not on the pipeline's page; `module` is the name of the Python module that it comes from."""

    one: Pass
    stage: str
    module: str


EXTENSIONS: dict[str, Extension] = {}  # by the pass's name


def runs_in(stage: str, *, before: str | None = None, after: str | None = None) -> Callable[[Pass], Pass]:
    """Put a pass into a stage of the pipeline: in front of or behind one of its passes, else last.

    A module that is run again, as a cell of a notebook is, replaces its own passes.

    Raises:
        UsageError: there is no such stage or pass, the name is taken, or the proof that all is integer would not see
            what the pass does.
    """

    def put(one: Pass) -> Pass:
        if not isinstance(one, Pass):
            raise UsageError(f"runs_in takes a pass, not {one!r}: put @module_pass below it")
        module = one.run.__module__
        if stage not in PIPELINE:
            raise UsageError(f"the pass '{one.name}': there is no stage '{stage}'{known_names(stage, PIPELINE)}")
        known = EXTENSIONS.get(one.name)
        if known is not None and known.module == module:
            PIPELINE[known.stage] = tuple(each for each in PIPELINE[known.stage] if each.name != one.name)
        elif any(one.name == each.name for passes in PIPELINE.values() for each in passes):
            raise UsageError(f"the pass '{one.name}' of {module} has a name that is taken: choose another")
        PIPELINE[stage] = placed(one, PIPELINE[stage], stage, before, after)
        EXTENSIONS[one.name] = Extension(one, stage, module)
        return one

    return put


def placed(one: Pass, passes: tuple[Pass, ...], stage: str, before: str | None, after: str | None) -> tuple[Pass, ...]:
    """The passes of a stage, with one more."""
    if before is not None and after is not None:
        raise UsageError(f"the pass '{one.name}' runs before {before} or after {after}: say one of them")
    names = [each.name for each in passes]
    if (said := before or after) is not None and said not in names:
        raise UsageError(f"the pass '{one.name}': {stage} has no pass '{said}'{known_names(said, names)}")
    if said is None:
        where = names.index(LAST) if LAST in names else len(names)
    else:
        where = names.index(said) + (before is None)
    if LAST in names[:where]:
        raise UsageError(f"the pass '{one.name}' cannot run after {LAST}, which proves that all is integer")
    return (*passes[:where], one, *passes[where:])
