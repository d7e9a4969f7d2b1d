"""An ONNX file becomes `torch.operator "onnx.X"` in MLIR, read by torch-mlir's importer, at the user's own node names.

The file is anyone's: what it says of itself is checked before anything is allocated (`onnx_structure`), each node
before it is used (`onnx_graph`), and what computing its constants may take is bounded (`onnx_folding`).
"""

import math
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.inliner
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch_mlir import ir
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.extras import onnx_importer

from dyadic.compiler.importers.masks import Found, say_fixed, say_of_argument, say_of_result
from dyadic.compiler.importers.onnx_bodies import expand_bodies
from dyadic.compiler.importers.onnx_external import load_external_data
from dyadic.compiler.importers.onnx_fused import take_apart
from dyadic.compiler.importers.onnx_graph import check_graph, name_nodes
from dyadic.compiler.importers.onnx_masks import replace_masks
from dyadic.compiler.importers.onnx_quantized import normalize_quantization
from dyadic.compiler.importers.onnx_static import Static, make_static
from dyadic.compiler.importers.onnx_structure import STANDARD, check_structure, check_tensors
from dyadic.compiler.importers.onnx_uniform import is_uniform
from dyadic.dialects import qd
from dyadic.dialects.arguments import ARGUMENTS, RESULTS
from dyadic.runtime.errors import FileError, ModelError
from dyadic.runtime.file_kinds import HEAD, ONNX, kind_of_bytes, kind_of_file, kind_of_folder, similar_files
from dyadic.runtime.whole_file import whole

OLDEST_OPSET = 7
MOST_BYTES = (1 << 31) - 1  # of a message of protobuf; weights may be in files of their own
MOST_NODES = 100_000  # after functions are expanded
LEGITIMATELY_INFINITE = {"Clip", "Max", "Min", "Pad"}  # their bounds and fill values may be
MASKING = {"Add", "Attention", "Where"}  # minus infinity leaves a score out

Source = str | os.PathLike[str] | bytes | onnx.ModelProto


def import_onnx(
    source: Source,
    context: ir.Context,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, npt.NDArray[Any]] | None = None,
) -> ir.Module:
    """Read a model. `shapes` gives an input its size where the file leaves it open; the batch becomes 1 and stays open,
    unless the model mixes its images: then the inputs are as large as they are (`qd.fixed`), and the module says why.
    `constants` are inputs that are known.

    Raises FileError where the file cannot be read and ModelError where it is broken or not finite. Operators that have
    no form here are no error yet: ingest lists them all.
    """
    model = _read(source)
    _check_opset(model)
    model = _expand_functions(model)
    name_nodes(model.graph)
    opset = _only_standard_domain(model)
    if expand_bodies(model):
        name_nodes(model.graph)
    notes = take_apart(model)
    check_graph(model.graph, opset)
    notes += normalize_quantization(model)
    static = make_static(model, shapes or {}, constants)
    found = replace_masks(model)
    _check_finite(model.graph)
    module = _to_mlir(model, context, found, static)
    if notes:
        texts = [ir.StringAttr.get(note, context) for note in notes]
        module.operation.attributes[qd.NOTES] = ir.ArrayAttr.get(texts, context)
    return module


def _read(source: Source) -> onnx.ModelProto:
    model = onnx.ModelProto()
    if isinstance(source, onnx.ModelProto):
        model.CopyFrom(source)
    else:
        data = source if isinstance(source, bytes) else _read_file(Path(source))
        try:
            model.ParseFromString(data)
        except DecodeError:
            raise _no_onnx(source, data, f"{len(data)} bytes do not decode") from None
        if not model.graph.node and not model.graph.output:
            raise _no_onnx(source, data, f"its {len(data)} bytes hold no graph")
    if len(model.graph.node) > MOST_NODES:
        raise ModelError(f"the model has {len(model.graph.node)} nodes; up to {MOST_NODES} are supported")
    folder = Path(source).parent if isinstance(source, str | os.PathLike) else None
    check_structure(model)
    load_external_data(model, folder)
    check_tensors(model)
    return model


def _no_onnx(source: str | os.PathLike[str] | bytes, data: bytes, seen: str) -> ModelError:
    """What it is instead, where that can be told, and what would work."""
    if isinstance(source, bytes):
        name, kind = "the model", kind_of_bytes(data[:HEAD])
    else:
        name, kind = f'"{os.fsdecode(source)}"', kind_of_file(source)
    if kind is None or kind.name == ONNX:
        return ModelError(f"{name} is no ONNX model, or was cut short: {seen}")
    instead = kind.instead.replace(" FILE ", f" {os.path.basename(name.strip(chr(34)))} ")
    return ModelError(f"{name} is {kind.name}, not an ONNX model: {instead}")


def _read_file(path: Path) -> bytes:
    try:
        return whole(path, MOST_BYTES)
    except FileNotFoundError:
        raise FileError(f'"{path}" does not exist{similar_files(path)}') from None
    except IsADirectoryError:
        kind = kind_of_folder(path)
        raise FileError(f'"{path}" is {kind.name}, not an ONNX model: {kind.instead}') from None
    except (OSError, ValueError) as error:
        raise FileError(f'"{path}" cannot be read: {getattr(error, "strerror", None) or error}') from None


def _check_opset(model: onnx.ModelProto) -> None:
    versions = [each.version for each in model.opset_import if each.domain in STANDARD]
    newest = onnx.defs.onnx_opset_version()
    if not versions or not OLDEST_OPSET <= versions[0] <= newest:
        raise ModelError(
            f"the model uses ONNX operator set {versions[0] if versions else '(none)'}; {OLDEST_OPSET} to {newest} are "
            "supported: export it again, or convert it with onnx.version_converter"
        )


def _only_standard_domain(model: onnx.ModelProto) -> int:
    """Forget other domains, which names of operators hold by now; returns the version of ONNX's own."""
    version = next(each.version for each in model.opset_import if each.domain in STANDARD)
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", version))
    return version


def _expand_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Inline model-local functions, after counting what they expand to."""
    if not model.functions:
        return model
    bodies = {(f.domain, f.name): _calls(f.node) for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def expanded(calls: Counter[tuple[str, str]], inside: frozenset[tuple[str, str]]) -> int:
        total = 0
        for key, times in calls.items():
            if key in inside:
                raise ModelError(f'the function "{key[1]}" of the model calls itself')
            if key in bodies and key not in sizes:
                sizes[key] = expanded(bodies[key], inside | {key})
            total += times * sizes.get(key, 1)
        return total

    try:
        count = expanded(_calls(model.graph.node), frozenset())
    except RecursionError:
        raise ModelError(f"the {len(bodies)} functions of the model are nested too deeply to expand") from None
    if count > MOST_NODES:
        digits = f"10^{int(math.log10(count))}" if count > 10**9 else f"{count}"
        raise ModelError(f"the functions of the model expand to {digits} nodes; up to {MOST_NODES} are supported")
    try:
        inlined = onnx.inliner.inline_local_functions(model)
    except (RuntimeError, onnx.checker.ValidationError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(f"the functions of the model cannot be expanded: {reason}") from None
    check_structure(inlined)
    return inlined


def _calls(nodes: Iterable[onnx.NodeProto]) -> Counter[tuple[str, str]]:
    """How often each operator or function is used, branches and loop bodies included."""
    calls: Counter[tuple[str, str]] = Counter()
    for node in nodes:
        calls[node.domain, node.op_type] += 1
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                calls += _calls(graph.node)
    return calls


def _check_finite(graph: onnx.GraphProto) -> None:
    readers: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        if node.op_type not in LEGITIMATELY_INFINITE:
            for name in node.input:
                readers.setdefault(name, node)
    complaints = []
    for tensor in graph.initializer:
        if tensor.name not in readers:
            continue
        values = np.asarray(tensor.float_data, np.float32) if is_uniform(tensor) else numpy_helper.to_array(tensor)
        if values.dtype.kind in "fV" and not np.isfinite(values).all():
            if readers[tensor.name].op_type in MASKING and (np.isfinite(values) | np.isneginf(values)).all():
                continue
            nans, infinities = int(np.isnan(values).sum()), int(np.isinf(values).sum())
            seen = " and ".join(f"{n} {what} values" for n, what in ((nans, "NaN"), (infinities, "infinite")) if n)
            complaints.append(f'"{readers[tensor.name].name}": its constant "{tensor.name}" contains {seen}')
    if complaints:
        raise ModelError("; ".join(complaints) + ": quantization needs finite weights, check the export")


class ReadableConstants(onnx_importer.ContextCache):
    """Brings tensors in as dense attributes; the importer's own choice, resources, cannot be read back from Python."""

    __slots__ = ()

    def tensor_proto_to_attr(self, tp: onnx.TensorProto) -> ir.Attribute:
        if is_uniform(tp):
            with ir.Location.unknown():
                number = ir.FloatAttr.get(ir.F32Type.get(), float(tp.float_data[0]))
                return ir.DenseElementsAttr.get_splat(ir.RankedTensorType.get(list(tp.dims), ir.F32Type.get()), number)
        values = numpy_helper.to_array(tp)
        if values.dtype.kind == "O":  # strings
            return super().tensor_proto_to_attr(tp)
        if values.dtype.kind == "u":  # would come back signed
            values = values.astype(np.int32 if values.dtype.itemsize < 4 else np.int64)
        if values.dtype.kind == "V" or (
            values.dtype.kind == "f" and values.itemsize == 1
        ):  # bfloat16 and smaller, which numpy knows by name only
            values = values.astype(np.float32)
        with ir.Location.unknown():
            return ir.DenseElementsAttr.get(np.ascontiguousarray(values).reshape(values.shape))


def _to_mlir(model: onnx.ModelProto, context: ir.Context, found: Found, static: Static) -> ir.Module:
    torch_dialect.register_dialect(context)
    model.graph.name = "main"
    try:
        with context, warnings.catch_warnings(action="ignore"):  # of operators without an inferred type
            as_written = onnx_importer.Config(function_expansion_allowlists_by_domain={"": set()})
            info = onnx_importer.ModelInfo(model, config=as_written)
            module = info.create_module(context)
            cache = ReadableConstants(context)
            importer = onnx_importer.NodeImporter.define_function(info.main_graph, module.operation, cache)
            importer.import_all()
            function = module.body.operations[0]
            for name, values in (("arg_attrs", info.main_graph.input_map), ("res_attrs", info.main_graph.output_map)):
                named = [ir.DictAttr.get({qd.NAME: ir.StringAttr.get(value)}) for value in values]
                function.attributes[name] = ir.ArrayAttr.get(named)
            for index, name in enumerate(info.main_graph.input_map):
                say_of_argument(function, index, name, found)
                say_fixed(function, index, static.fixed.get(name, ""), ARGUMENTS)
            for index, name in enumerate(info.main_graph.output_map):
                say_of_result(function, index, static.elsewhere.get(name, 0))
                say_fixed(function, index, static.fixed.get(name, ""), RESULTS)
            if static.fixed:
                module.operation.attributes[qd.FIXED] = ir.StringAttr.get(static.reason)
    except onnx_importer.OnnxImportError as error:
        said = str(error)
        if "torch type" in said:
            said = "one of its tensors has a shape or a type that nothing can be computed with"
        raise ModelError(f"the model cannot be read: {said}") from None
    return module
