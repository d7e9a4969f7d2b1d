"""The command `dyadic`: all of it where click is installed, else what runs artifacts, which needs numpy alone."""

import sys


def main() -> int | str | None:
    try:
        from dyadic.compiler.cli.main import main as command_line
    except ModuleNotFoundError as missing:
        if missing.name != "click":
            raise
        from dyadic.runtime.commands.line import main as command_line
    return command_line()


if __name__ == "__main__":
    sys.exit(main())
