"""The kernel families of a target: specs to names, to IR and back."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any

from torch_mlir import ir

from dyadic.passes.lower.memory.strided import Strided


@dataclass(frozen=True)
class Registry:
    """family -> (spec dataclass, what writes the kernel of a spec).

    Fields of specs are numbers, truths, names, tuples of numbers, and `Strided`."""

    families: Mapping[str, tuple[type, Callable[..., None]]]

    def family_of(self, spec: Any) -> str:
        """The name under which a spec's kind is registered."""
        return next(name for name, (kind, _) in self.families.items() if type(spec) is kind)

    def symbol_of(self, spec: Any) -> str:
        """A name that equal specs share."""
        digest = hashlib.sha256(json.dumps(asdict(spec), sort_keys=True).encode()).hexdigest()
        return f"{self.family_of(spec)}_{digest[:12]}"

    def to_attribute(self, spec: Any) -> ir.DictAttr:
        """The spec as IR: `{family = "conv", rows = 56 : i64, ...}`."""
        return ir.DictAttr.get({"family": ir.StringAttr.get(self.family_of(spec)), **_entries(spec)})

    def from_attribute(self, attribute: ir.DictAttr) -> Any:
        """The spec that `to_attribute` wrote."""
        values = _values(attribute)
        return self.families[values.pop("family")][0](**values)

    def from_json(self, family: str, entries: Mapping[str, Any]) -> Any:
        """The spec whose `dataclasses.asdict` went through JSON."""
        values: dict[str, Any] = {}
        for key, value in entries.items():
            if isinstance(value, dict):
                values[key] = Strided(**{**value, "outer": tuple(value["outer"])})
            else:
                values[key] = tuple(value) if isinstance(value, list) else value
        return self.families[family][0](**values)

    def generate(self, spec: Any, *how: str) -> None:
        """Write the kernel for `spec` at the current insertion point; `how` is what the target's families ask for: the
        symbol last."""
        self.families[self.family_of(spec)][1](spec, *how)


def _entries(spec: Any) -> dict[str, ir.Attribute]:
    i64 = ir.IntegerType.get_signless(64)
    entries: dict[str, ir.Attribute] = {}
    for each in fields(spec):
        key, value = each.name, getattr(spec, each.name)
        if isinstance(value, bool):
            entries[key] = ir.BoolAttr.get(value)
        elif isinstance(value, int):
            entries[key] = ir.IntegerAttr.get(i64, value)
        elif isinstance(value, str):
            entries[key] = ir.StringAttr.get(value)
        elif is_dataclass(value):
            entries[key] = ir.DictAttr.get(_entries(value))
        elif value:
            entries[key] = ir.DenseI64ArrayAttr.get(list(value))
    return entries


def _values(attribute: ir.DictAttr) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for entry in attribute:
        value = entry.attr
        if isinstance(value, ir.DictAttr):  # the one kind of structure inside of specs
            values[entry.name] = Strided(**_values(value))
        else:
            values[entry.name] = tuple(value) if isinstance(value, ir.DenseI64ArrayAttr) else value.value
    return values
