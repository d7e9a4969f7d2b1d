"""`dyadic-opt`: run passes over IR, text in and text out. The tool that every lit test uses.

Problems of the input are printed as `error: "/layer1/conv": ...` and end with exit code 1.
"""

import argparse
import os
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from torch_mlir import ir
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.passmanager import PassManager

from dyadic.compiler.extensions import load_extensions
from dyadic.compiler.opt.expected_diagnostics import unexpected
from dyadic.compiler.trace import add
from dyadic.dialects import new_context
from dyadic.passes import PIPELINE, usual
from dyadic.passes.rewriting import Pass
from dyadic.runtime.errors import DyadicError
from dyadic.runtime.wording import did_you_mean

SEPARATOR = re.compile(r"^// -----.*$", re.M)


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        load_extensions(options.load_passes)
        if options.list_passes:
            return write(f"{listing()}\n", 0)
        wanted = list(split_pipeline(options.pass_pipeline or options.passes))
        source = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as error:
        print(f"error: '{options.file}' cannot be read: {error.strerror}", file=sys.stderr)
        return 1
    except (DyadicError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    outputs, status, above = [], 0, 0
    for chunk in chunks(source, options.split_input_file):
        text, failed = run(chunk, wanted, options, above)
        outputs.append(text)
        status |= failed
        above += chunk.count("\n") if isinstance(chunk, str) else 0
    return write("\n// -----\n\n".join(outputs), status)


def write(text: str, status: int) -> int:
    """To standard output; `status`, or 1 where it cannot be written. Whoever reads no further has seen enough."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        if not isinstance(error, BrokenPipeError):
            print(f"error: standard output cannot be written: {error.strerror}", file=sys.stderr)
            return 1
    return status


def run(chunk: str | bytes, wanted: list[Pass | str], options: argparse.Namespace, above: int = 0) -> tuple[str, int]:
    """One module through the passes: (its text or the errors', whether it failed). `above`: lines of the file before
    it."""
    errors: list[ir.DiagnosticInfo] = []
    sentence = ""
    printed = ""
    with new_context() as context, ir.Location.unknown():
        torch_dialect.register_dialect(context)
        try:
            module = ir.Module.parse(chunk)
            run_all(module.operation, wanted, options)
            printed = module.operation.get_asm(
                enable_debug_info=options.mlir_print_debuginfo,
                large_elements_limit=options.mlir_elide_elementsattrs_if_larger,
                large_resource_limit=options.mlir_elide_elementsattrs_if_larger,
            )
        except ir.MLIRError as error:
            errors = list(error.error_diagnostics)
            sentence = f"{in_file(diagnostics(error), options.file, above)}\n"
        except DyadicError as error:
            sentence = f"error: {error}\n"
        except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            # A fault of ours, in a pass: shown as such, and the other chunks still run.
            sentence = traceback.format_exc()
        if options.verify_diagnostics:
            assert isinstance(chunk, str)
            complaints = unexpected(chunk, errors, sentence)
            return "".join(f"{line}\n" for line in complaints), int(bool(complaints))
    # The text of a failure goes where `dyadic-opt ... | filecheck` reads it.
    return printed or sentence, int(bool(sentence))


def diagnostics(error: ir.MLIRError) -> str:
    """`error: "/layer1/conv": ...`, a line each, without the bindings' own heading."""
    return str(error).partition("\n")[2] or str(error)


def in_file(text: str, file: str, above: int) -> str:
    """MLIR numbers the lines of the text that it was given, and does not know which file it is of.

    >>> in_file('error: "-":2:8: what', "a.mlir", 10)
    'error: a.mlir:12:8: what'
    """
    name = "<stdin>" if file == "-" else file
    return re.sub(r'"-":(\d+):(\d+)', lambda found: f"{name}:{int(found[1]) + above}:{found[2]}", text)


def run_all(module: ir.Operation, wanted: list[Pass | str], options: argparse.Namespace) -> None:
    manager = PassManager("builtin.module", module.context)
    for one in wanted:
        add(manager, one, [])
    if options.print_ir_after_all:
        module.context.enable_multithreading(False)  # the pass manager refuses to print otherwise
        manager.enable_ir_printing(large_elements_limit=options.mlir_elide_elementsattrs_if_larger)
    manager.run(module)


def chunks(source: bytes, split: bool) -> list[str | bytes]:
    """The modules in a file. Bytecode is one module, whatever bytes it holds."""
    if source.startswith(b"ML\xefR"):
        return [source]
    text = source.decode("utf-8", errors="replace")
    return list(SEPARATOR.split(text)) if split else [text]


def split_pipeline(text: str) -> Iterator[Pass | str]:
    """`a,b{x=1 y=2},c` or `builtin.module(a,b)`: each one of our passes, a stage (its usual passes), or MLIR's own."""
    text = text.strip()
    if text.startswith("builtin.module(") and text.endswith(")"):
        text = text.removeprefix("builtin.module(")[:-1]
    depth, start = 0, 0
    for i, c in enumerate(f"{text},"):
        depth += (c in "({") - (c in ")}")
        if c == "," and depth == 0:
            name, start = text[start:i].strip(), i + 1
            if name in PIPELINE:
                yield from usual(name)
            elif name:
                yield ours().get(name) or known_to_mlir(name)


def ours() -> dict[str, Pass]:
    """Every pass of the pipeline by its name, those of other packages among them."""
    return {one.name: one for passes in PIPELINE.values() for one in passes}


def known_to_mlir(name: str) -> str:
    with ir.Context():
        try:
            PassManager("builtin.module").add(name)
        except ValueError:
            hint = did_you_mean(name, (*ours(), *PIPELINE)) or "; dyadic-opt --list-passes shows ours"
            raise ValueError(f"there is no pass '{name}'{hint}") from None
    return name


def listing() -> str:
    """Every pass under its stage, in the order in which they run."""
    lines = []
    for stage, passes in PIPELINE.items():
        lines.append(f"{stage}:")
        lines += [f"  {one.name:32} {one.summary}" for one in passes]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "dyadic-opt", description=__doc__, allow_abbrev=False, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", nargs="?", default="-", help="IR as text or bytecode; standard input where missing")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "-p",
        "--passes",
        default="",
        metavar="A,B",
        help="passes to run, ours or MLIR's; a stage's name is all its passes",
    )
    which.add_argument("--pass-pipeline", default="", metavar="PIPELINE", help="the same as builtin.module(a,b)")
    parser.add_argument(
        "--load-passes", action="append", default=[], type=Path, metavar="FILE.py", help="passes of your own"
    )
    parser.add_argument("--list-passes", action="store_true", help="name our passes and stop")
    parser.add_argument(
        "--print-ir-after-all", action="store_true", help="print the module after each pass, to standard error"
    )
    parser.add_argument(
        "--split-input-file",
        action="store_true",
        help="treat what lies between lines of `// -----` as separate modules",
    )
    parser.add_argument(
        "--verify-diagnostics", action="store_true", help="compare errors with `// expected-error @+1 {{part of it}}`"
    )
    parser.add_argument("--mlir-print-debuginfo", action="store_true", help="print locations: the user's names")
    parser.add_argument(
        "--mlir-elide-elementsattrs-if-larger", type=int, metavar="N", help="elide constants of more than N elements"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
