"""Weights of a layer to the bytes that its kernel reads, and back: ordered for 8 bits, then stored in fewer."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects.weight_groups import factors
from dyadic.passes.lower.cpu.kernels.families import depthwise
from dyadic.passes.lower.cpu.kernels.families.conv import ConvSpec
from dyadic.passes.lower.cpu.kernels.families.depthwise import DepthwiseSpec
from dyadic.passes.lower.cpu.kernels.weights.weight_format import LANES, LINE, pack_lines, unpack_lines


def pack_weights(spec: ConvSpec, weight: npt.NDArray[Any], pixel: int) -> npt.NDArray[Any]:
    """[O, KH, KW, I/groups] to the packed order; the input's pixel stride places a merged row's taps."""
    out_channels, kh, kw, depth = weight.shape
    run = np.zeros((out_channels, spec.taps_y * spec.taps_x, spec.packed_dwords * 4), weight.dtype)
    if spec.taps_x == kw:
        run[:, :, :depth] = weight.reshape(out_channels, kh * kw, depth)
    else:  # one run is a whole kernel row
        for x in range(kw):
            run[:, :, x * pixel : x * pixel + depth] = weight[:, :, x, :]
    grouped = np.zeros((spec.groups, spec.vectors * LANES, *run.shape[1:]), weight.dtype)
    grouped[:, : spec.channels] = run.reshape(spec.groups, spec.channels, *run.shape[1:])
    split = grouped.reshape(spec.groups, spec.vectors, LANES, run.shape[1], spec.packed_dwords, 4)
    return np.ascontiguousarray(split.transpose(0, 1, 3, 4, 2, 5)).reshape(-1)


def by_group(spec: ConvSpec, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Per-channel values with every group padded to whole vectors, as the parameter blocks have them."""
    padded = np.zeros((spec.groups, spec.vectors * LANES), np.int64)
    padded[:, : spec.channels] = values.reshape(spec.groups, spec.channels)
    return padded.reshape(-1)


def pack(
    spec: ConvSpec, weight: npt.NDArray[Any], pixel: int, scales: npt.NDArray[Any] | None = None
) -> npt.NDArray[np.int8]:
    """[O, KH, KW, I/groups] as they are stored; `scales` [O, KH, KW, groups of a run] of weights in groups."""
    ordered = pack_weights(spec, weight, pixel)
    if spec.format.lines == 1:
        return ordered
    if scales is not None:
        each = pack_weights(spec, factors(scales, spec.format.group, weight.shape), pixel)
        ordered = ordered // np.maximum(each, 1)
    lines = ordered.reshape(-1, spec.packed_dwords, LINE)[:, : spec.stored_dwords]
    stored = pack_lines(spec.format, lines).reshape(-1)
    return stored if scales is None else np.concatenate([stored, order_scales(spec, scales)])


def unpack(spec: ConvSpec, stored: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """What `pack_weights` gave, from what `pack` made of it; `stored` may go on with others' bytes."""
    if spec.format.lines == 1:
        return stored
    runs = stored[: spec.scales_start].reshape(-1, spec.stored_dwords // spec.format.lines, LINE)
    lines = np.zeros((len(runs), spec.packed_dwords, LINE), np.int8)
    lines[:, : spec.stored_dwords] = unpack_lines(spec.format, runs)
    if spec.format.group:
        scales = stored[spec.scales_start :][: spec.groups * spec.vectors * spec.scale_bytes]
        each = np.repeat(scales.reshape(len(runs), spec.run_groups, LANES), spec.format.group_dwords, 1)
        lines[:, : spec.run_dwords] *= np.repeat(each[:, : spec.run_dwords], 4, 2)
    return lines.reshape(-1)


def order_scales(spec: ConvSpec, scales: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    """[O, KH, KW, groups of a run] to [vector][run][group][16]; 1 where there is no channel."""
    every = np.ones((spec.groups, spec.vectors * LANES, spec.taps_y * spec.taps_x, spec.run_groups), np.int8)
    every[:, : spec.channels] = scales.reshape(spec.groups, spec.channels, *every.shape[2:])
    return every.reshape(-1, LANES, *every.shape[2:]).transpose(0, 2, 3, 1).reshape(-1)


def scales_of(spec: ConvSpec, stored: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The inverse, [O, runs, groups of a run], from all that is stored."""
    taps, count = spec.taps_y * spec.taps_x, spec.groups * spec.vectors * spec.scale_bytes
    every = stored[spec.scales_start :][:count].reshape(-1, taps, spec.run_groups, LANES).transpose(0, 3, 1, 2)
    by_group = every.reshape(spec.groups, -1, taps, spec.run_groups)
    return by_group[:, : spec.channels].reshape(-1, taps, spec.run_groups)


def pack_depthwise(spec: DepthwiseSpec, weight: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    """[C, KH, KW, 1] as they are stored."""
    ordered = depthwise.pack_weights(spec, weight)
    if spec.format.lines == 1:
        return ordered
    every = ordered.reshape(len(spec.blocks), 1 + spec.paired, spec.groups, -1, LINE)
    return pack_lines(spec.format, every[:, 0, : spec.stored_groups]).reshape(-1)


def unpack_depthwise(spec: DepthwiseSpec, stored: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """What `depthwise.pack_weights` gave; `stored` may go on with others' bytes."""
    if spec.format.lines == 1:
        return stored
    lines = stored[: len(spec.blocks) * spec.stored_bytes].reshape(len(spec.blocks), spec.stored_groups, -1, LINE)
    first = unpack_lines(spec.format, lines)
    every = np.zeros((len(first), 1 + spec.paired, spec.groups, *first.shape[2:]), np.int8)
    every[:, 0, : spec.stored_groups] = first
    if spec.paired:  # the same, one row further down
        rows = every.reshape(*every.shape[:-1], LANES, depthwise.TAPS)
        column = np.moveaxis(rows[:, 0], -1, 2).reshape(len(first), spec.groups * depthwise.TAPS, -1)
        moved = np.roll(column, 1, 1)  # a last row is free
        shape = (len(first), spec.groups, depthwise.TAPS, *rows.shape[3:-1])
        rows[:, 1] = np.moveaxis(moved.reshape(shape), 2, -1)
    return every.reshape(-1)
