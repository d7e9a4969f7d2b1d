"""Which operators of torch each case of a test has, kept for whichever worker asks whether every one has a case."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from support.torch_modules import imported
from torch import nn
from torch_mlir import ir

from dyadic.dialects.reference import main_function
from dyadic.passes.ingest.ingest_aten import operator_name

# titles of cases -> their operators, in a folder that all workers of a session share
REMEMBERED = Path(os.environ["XDG_CACHE_HOME"]) / "aten-operators"


def operators_of(module: ir.Module) -> set[str | None]:
    block = main_function(module).operation.regions[0].blocks[0]
    return {operator_name(op.operation) for op in block.operations}


def remember(title: str, module: ir.Module) -> set[str | None]:
    """Which operators a case has, for whichever worker asks whether every one has a case."""
    found = operators_of(module)
    REMEMBERED.mkdir(parents=True, exist_ok=True)
    part = REMEMBERED / f"{quote(title, safe='')}.{os.getpid()}"
    part.write_text(json.dumps(sorted(filter(None, found))))
    part.replace(part.with_suffix(".json"))
    return found


def remembered(title: str, make: Callable[[], nn.Module]) -> set[str | None]:
    """The operators of a case, imported now where no worker has done it."""
    path = REMEMBERED / f"{quote(title, safe='')}.json"
    return set(json.loads(path.read_text())) if path.is_file() else remember(title, imported(make()))
