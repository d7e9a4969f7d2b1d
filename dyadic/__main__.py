"""The command `dyadic`: all of it where click is installed, else what runs artifacts, which needs numpy alone; and
`dyadic-opt`."""

import sys


def main() -> int | str | None:
    try:
        from dyadic.compiler.cli.main import main as command_line
    except ModuleNotFoundError as missing:
        if missing.name != "click":
            raise
        from dyadic.runtime.commands.line import main as command_line
    return command_line()


def opt() -> int | str | None:
    """The command `dyadic-opt`, which needs all of it."""
    try:
        from dyadic.compiler.opt.main import main as tool
    except ModuleNotFoundError as missing:
        from dyadic.runtime.commands.ending import fail, not_installed
        from dyadic.runtime.errors import UsageError

        if (sentence := not_installed(missing, "dyadic-opt")) is None:
            raise
        return fail(sentence, UsageError.exit_code)
    return tool()


if __name__ == "__main__":
    sys.exit(main())
