"""What commands share that take an artifact; those that need no compiler are in `runtime/commands/`."""

from pathlib import Path

import click

ARTIFACT = click.argument("artifact", type=click.Path(path_type=Path))
DEBUG = click.option("--debug", is_flag=True, expose_value=False, help="show tracebacks")  # `ending.py` looks for it
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
