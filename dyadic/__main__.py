"""The command `dyadic`: says what to install where the command line's own packages are missing."""

import sys


def main() -> int | str | None:
    try:
        from dyadic.compiler.cli.main import main as command_line
    except ModuleNotFoundError as missing:
        if missing.name not in ("click", "rich"):
            raise
        sys.stderr.write(
            f"dyadic: the command line needs the package '{missing.name}', which is not installed; "
            "try: pip install 'dyadic[cli]' to run artifacts, or 'dyadic[compile]' to make them\n"
        )
        return 2
    return command_line()


if __name__ == "__main__":
    sys.exit(main())
