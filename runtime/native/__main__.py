"""Where a C or C++ host finds the native library: `cc run.c $(python -m dyadic.runtime.native --cflags --libs)`."""

import argparse
import shlex
import sys

from dyadic.runtime.errors import DyadicError
from dyadic.runtime.native import HERE, LIBRARY, library

WORDS = {
    "--cflags": ("what a compiler needs to find dyadic.h and dyadic.hpp", (f"-I{HERE}",)),
    "--libs": (
        "what a linker needs to link libdyadic.so and to find it again at run time",
        (f"-L{HERE}", "-ldyadic", f"-Wl,-rpath,{HERE}"),
    ),
    "--include-dir": ("the folder of dyadic.h and dyadic.hpp", (str(HERE),)),
    "--library": ("the path of libdyadic.so", (str(LIBRARY),)),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dyadic.runtime.native", description=__doc__)
    for option, (help_text, _) in WORDS.items():
        parser.add_argument(option, action="store_true", help=help_text)
    given = parser.parse_args()
    wanted = [words for option, (_, words) in WORDS.items() if getattr(given, option[2:].replace("-", "_"))]
    if not wanted:
        parser.error(f"nothing was asked for; give one or more of {', '.join(WORDS)}")
    try:
        library()  # in a working tree it is built here, if need be
    except DyadicError as error:
        sys.stderr.write(f"dyadic: {error}\n")
        return error.exit_code
    print(shlex.join(word for words in wanted for word in words))
    return 0


if __name__ == "__main__":
    sys.exit(main())
