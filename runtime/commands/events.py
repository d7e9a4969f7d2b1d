"""`--progress json`: what a command gives, as an event of one line on standard error."""

import json
import sys
from collections.abc import Mapping
from typing import Any

SCHEMA = 1  # of result events: goes up when a field gets another name or meaning


def say_result(command: str, facts: Mapping[str, Any]) -> None:
    """The last event of a command that went well."""
    line = {"event": "result", "schema": SCHEMA, "command": command, **facts}
    print(json.dumps(line), file=sys.stderr, flush=True)
