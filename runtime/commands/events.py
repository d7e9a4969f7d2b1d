"""What goes on and what came out, as events: dicts that JSON can say, a line of standard error each."""

import json
import sys
from collections.abc import Mapping
from typing import Any

SCHEMA = 1  # of result events: goes up when a field gets another name or meaning


def result_of(command: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The last event of a command that went well."""
    return {"event": "result", "schema": SCHEMA, "command": command, **facts}


def say(event: Mapping[str, Any]) -> None:
    """`--progress json`."""
    print(json.dumps(event), file=sys.stderr, flush=True)
