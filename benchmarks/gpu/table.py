"""Writes docs/gpu.md from what was predicted and what was measured: `python -m benchmarks.gpu table [OUT]`.

What is given is kept beside this file, without the answers that were right, so that the page can be made again.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu.parts import TREE
from benchmarks.gpu.prediction import ASSUMED, PREDICTED
from benchmarks.gpu.run import wrong

PAGE = TREE / "docs" / "gpu.md"
MEASURED = Path(__file__).with_name("measured.json")
SPILLS, LAUNCHES = (Path(__file__).with_name(name) for name in ("spills.json", "launches.json"))
TEMPLATE = Path(__file__).with_name("page.md")
Said = Mapping[str, Any]

WAYS = {"`wgmma`, two blocks sharing weights": 8, "`wgmma`": 7, "`mma.sync`": 6}

NOTHING = """
**Nothing was measured on a GPU yet.** All kernels have run on the [executor of tests](testing.md#a-gpu-for-tests)
alone, where they give every bit of the processor's programs: ResNet-20, MobileNetV1, DeiT-tiny and a MiniLM whole, in
batches of 1, 3 and 8 with all checks on ([how](testing.md#every-night)), and all launches of the kernels' tests (29
November 2026). It and they come from one reading of the manual, which is the risk that a day with a GPU removes. What
is said of speed below is a model's.
"""


def page(
    predicted: Said | None, measured: Said | None, spills: Said | None = None, launches: Said | None = None
) -> str:
    text = TEMPLATE.read_text()
    text = text.replace("{spills}", spills_section(spills) if spills else "")
    text = text.replace("{launches}", launches_section(launches) if launches else "")
    text = text.replace("{measured}", measured_section(measured, predicted) if measured else NOTHING)
    return text.replace("{predicted}", predicted_section(predicted) if predicted else "")


def write(out: Path | None) -> None:
    """The page, from `out` or from what the last one left."""
    if out is not None:
        MEASURED.write_text(json.dumps(kept(json.loads(out.read_text())), separators=(",", ":")) + "\n")
    PAGE.write_text(current())


def current() -> str:
    """The page as it should be."""
    return page(
        *(json.loads(path.read_text()) if path.exists() else None for path in (PREDICTED, MEASURED, SPILLS, LAUNCHES))
    )


def kept(report: Said) -> dict[str, Any]:
    """A report with counts in place of the many answers that were right."""
    parts = dict(report["parts"])
    for name in ("kernels", "networks"):
        answers = parts.get(name, {})
        bad = {key: one for key, one in answers.items() if one.get("wrong") or "failed" in one or "left out" in one}
        counts = {"items": len(answers), "launches": sum(one.get("launches", 0) for one in answers.values())}
        parts[name] = {"counts": counts, "bad": bad}
    level = {"level": report["level"]} if "level" in report else {}
    return {"not prepared": report["not prepared"], "seconds": report["seconds"], "parts": parts} | level


# --- what the assembler says

GROUPS = {
    "replay": "of the examples, generated graphs in every width, and the benchmarks' networks",
    "widths": "of nine of these networks with 4-bit and 2-bit weights, and with 16-bit activations",
    "zoo": "[networks of all kinds](networks.md)",
    "tests": "kernels that tests launch",
}


def spills_section(said: Said) -> str:
    rows = [
        [
            what, str(len(one["networks"])) if group != "tests" else "-", *(f"{n:,}" for n in one["kernels"].values()),
            str(one["registers"]), str(len({name for found in one["spills"].values() for name in found})),
        ]
        for group, what in GROUPS.items()
        if (one := said.get(group))
    ]  # fmt: skip
    architectures = next(iter(said.values()))["kernels"]
    head = ["", "networks", *(f"kernels for {name}" for name in architectures), "registers at most", "spill"]
    text = f"""
## Registers

`python -m benchmarks.gpu spills LOG` compiles networks for {" and ".join(architectures)}, and asks `ptxas` which
kernels keep numbers in memory for want of registers, or have a stack. Kernels that differ are counted:

{table(head, rows)}"""
    names = ", ".join(f"`{name}`" for group, one in said.items() if group != "tests" for name in one["networks"])
    text += f"\nAsked so far: {names}.\n"
    left: dict[str, str] = {}
    for one in said.values():
        left |= one["refused"] | one["failed"]
        left |= {name: f"spills: {', '.join(found)}" for name, found in one["spills"].items()}
    lines = "".join(f"* `{name}`: {why}\n" for name, why in left.items())
    text += f"\nNot taken for a GPU, and why:\n\n{lines}" if left else ""
    return text


# --- how many launches


def launches_section(said: Said) -> str:
    rows = [
        [name, str(one["launches"]), str(one["layers"]), f"{one['launches'] / one['layers']:.2f}"]
        for name, one in said.items()
    ]
    head = ["", "launches of a run", "operators with weights", "launches an operator"]
    return f"""
## Launches

`python -m benchmarks.gpu launches` counts the kernels of a run, quantizing and dequantizing included. Rings of
zero points are written once, before the first run. Operators with weights are convolutions and linear layers:

{table(head, rows)}"""


# --- what was predicted


def predicted_section(said: Said) -> str:
    rows = [
        [
            f"batch {batch}", f"{one['ms']:.3f} ms", f"{one['images_per_s']:,}", f"{one['share of tensor cores']:.0%}",
            *(f"{one['parts_ms'].get(name, 0):.3f}" for name in PARTS),
        ]
        for batch, one in said["batches"].items()
    ]  # fmt: skip
    head = ["", "predicted", "images a second", "of int8's peak", *(f"{name}, ms" for name in PARTS)]
    text = f"""
## What a model says

`python -m benchmarks.gpu predict gpu-day`, of {said["network"]} ({said["launches"]} launches, {said["macs"] / 1e9:.2f}
GMAC an image) on an H200: to be held against a GPU, and not to be trusted before. The executor counts what every launch
does for one image: `mma`, instructions, wavefronts of shared memory, sectors, barriers. What it counts is the code that
Hopper is given, {said["together"] or "none"} of whose launches are products by `wgmma`: tiles are chosen for batches of
1 and 8 alike, where few are large enough. A launch takes what a node of the graph and a block cost at least, and the
largest of the other columns, which say where the time goes.

{table(head, rows)}
A layer has one kernel for every batch. Small blocks are spread over more processors, large ones read less: what would
be best for a batch of 64 takes longer for one image, and the other way around. `--tune quick --batch 64` on a GPU
chooses for a batch.

The launches that take longest:

"""
    slowest = []
    for batch, one in said["batches"].items():
        slowest += [
            [f"batch {batch}", f"`{row['layer']}`", f"{row['us']:.1f}", row["limit"]] for row in one["slowest"][:4]
        ]
    text += table(["", "layer", "us", "limit"], slowest)
    text += "\nWhat it assumes:\n\n" + table(["what", "how much", "where from"], [list(row) for row in ASSUMED])
    return text


PARTS = ("nodes", "latency", "tensor cores", "instructions", "shared memory", "second cache", "memory")


# --- what was measured


def measured_section(said: Said, predicted: Said | None) -> str:
    """Only what there is."""
    parts = said["parts"]
    device = parts["device"]["device"]
    text = "\n## What was measured\n\n"
    text += f"On one {device['name']} ({device['architecture']}), driver of CUDA {device['driver']}.\n"
    if level := said.get("level"):
        text += f"The best code gave wrong bits: networks were timed with that of `{level}`.\n"
    for make in (_bits, _peaks, _graphs, _squares, _tiles, _slowest, _others):
        text += make(parts, predicted)
    if without := said["not prepared"]:
        text += "\nNot prepared, since it could not be compiled for a GPU:\n\n"
        text += "".join(f"* {name}: {why}\n" for name, why in without.items())
    return text


def _bits(parts: Said, predicted: Said | None) -> str:
    text = "\n### Bits\n\n"
    for name in ("kernels", "networks"):
        one = parts.get(name)
        if one:
            counts, bad = one["counts"], one["bad"]
            launches = f" ({counts['launches']:,} launches)" if counts["launches"] else ""
            text += f"* {name}: {counts['items'] - len(bad)} of {counts['items']}{launches} as expected\n"
            for item, answer in bad.items():
                why = answer.get("failed") or answer.get("left out") or f"{answer['wrong']} wrong"
                text += f"  * `{item}`: {why.splitlines()[-1]}\n"
    tiles = [parts.get("squares", {}), parts.get("tiles", {})]
    if any(tiles):
        text += f"* products in other tiles: {'some bits differ' if any(map(wrong, tiles)) else 'all bits alike'}\n"
    return text


def _peaks(parts: Said, predicted: Said | None) -> str:
    found = {name: one for name, one in parts.get("peaks", {}).items() if "failed" not in one and "left out" not in one}
    rows = []
    if one := found.get("tensor cores"):
        rows.append(["`mma.sync` of int8 from registers", f"{one['macs_per_s'] / 1e12:.0f} TMAC/s"])
    if one := found.get("tensor cores by wgmma"):
        rows.append(["`wgmma` of int8 from shared memory", f"{one['macs_per_s'] / 1e12:.0f} TMAC/s"])
    if one := found.get("launches"):
        rows.append(["a node of a graph that does nothing", f"{one['node_us']['median']:.2f} us"])
    for name in ("second cache", "memory"):
        if one := found.get(name):
            rows.append([name, f"{one['read'] / 1e12:.2f} TB/s read, {one['copy'] / 1e12:.2f} TB/s copied"])
    for way, one in found.get("bus", {}).items():
        if isinstance(one, dict):
            rows.append([way, f"{one['bytes_per_s'] / 1e9:.1f} GB/s"])
    return "\n### What the device does at best\n\n" + table(["", ""], rows) if rows else ""


def _ms(parts: Said, part: str, item: str) -> str:
    one = parts.get(part, {}).get(item, {})
    return f"{one['ms']['median']:.3f}" if "ms" in one else "-"


def _graphs(parts: Said, predicted: Said | None) -> str:
    measured = [one.get("macs_per_s", 0) for name, one in parts.get("peaks", {}).items() if name.startswith("tensor")]
    peak = max(measured, default=0)
    rows = []
    for item, one in parts.get("graphs", {}).items():
        if "steps_ms" not in one:
            rows.append([item, one.get("failed", one.get("left out", "")).splitlines()[-1], *["-"] * 8])
            continue
        ms, (name, _, batch) = one["steps_ms"]["median"], item.rpartition(", batch ")
        share = f"{one['macs'] / ms * 1e3 / peak:.0%}" if peak else "-"
        said = predicted["batches"].get(batch) if predicted and predicted["network"] == name else None
        rows.append([
            item, str(one["launches"]), f"{ms:.3f}", f"{said['ms']:.3f}" if said else "-", share,
            f"{one['whole_ms']['median']:.3f}", f"{one['call_ms']['median']:.3f}", _ms(parts, "torch", item),
            _ms(parts, "torch.compile", item), _ms(parts, "tensorrt", item),
        ])  # fmt: skip
    head = [
        "",
        "launches",
        "ours",
        "predicted",
        "of the peak",
        "with copies",
        "a call",
        "PyTorch",
        "`torch.compile`",
        "TensorRT",
    ]
    note = (
        "\nMilliseconds, medians. Ours: the network's graph; with copies: quantization, dequantization and the bus, "
        "too; a call: as the host sees it. The peak is the measured one. Peers: float16, inputs on the device.\n"
    )
    return "\n### Networks\n\n" + table(head, rows) + note if rows else ""


def is_wrong(row: Said) -> bool:
    """Of a product in one tile."""
    return bool(row["wrong"]) or not row["same bits"]


def _squares(parts: Said, predicted: Said | None) -> str:
    rows = []
    for one in parts.get("squares", {}).values():
        if "tiles" in one:
            for way, length in WAYS.items():  # of a tile's numbers
                tiles = [row for row in one["tiles"] if len(row["tile"]) == length]
                if tiles:
                    best = min(tiles, key=lambda row: row["ms"])
                    text = f"{best['macs_per_s'] / 1e12:.0f}" + " (wrong bits)" * any(is_wrong(row) for row in tiles)
                    rows.append([f"ours by {way}, {one['side']}", text, str(best["tile"])])
    for item, one in parts.get("products", {}).items():
        if "macs_per_s" in one:
            rows.append([f"cuBLASLt, {item}", f"{one['macs_per_s'] / 1e12:.0f}", ""])
    return "\n### Large products\n\n" + table(["", "TMAC/s", "best tile"], rows) if rows else ""


def _tiles(parts: Said, predicted: Said | None) -> str:
    rows = []
    for item, one in parts.get("tiles", {}).items():
        for product in one.get("products", []):
            own = next((row["us"] for row in product["tiles"] if row["tile"] == product["own"]), None)
            best = min(product["tiles"], key=lambda row: row["us"])
            if own is not None and best["us"] < 0.95 * own:
                rows.append([item, f"`{product['layer']}`", f"{own:.1f}", f"{best['us']:.1f}", str(best["tile"])])
    head = ["", "layer", "chosen, us", "best, us", "best tile"]
    return "\n### Tiles that would be 5 % faster\n\n" + table(head, rows) if rows else ""


def _slowest(parts: Said, predicted: Said | None) -> str:
    rows = [
        [item, f"`{row['layer']}`", row["op"], f"{row['us']:.1f}", f"{row['macs'] / 1e6:.0f}"]
        for item, one in parts.get("graphs", {}).items()
        for row in one.get("slowest", [])[:3]
    ]
    return "\n### Slowest launches\n\n" + table(["", "layer", "op", "us", "MMAC an image"], rows) if rows else ""


def _others(parts: Said, predicted: Said | None) -> str:
    """Who is missing, and why."""
    lines = []
    for name in ("products", "torch", "torch.compile", "tensorrt"):
        why = {one.get("failed", one.get("left out", "")) for one in parts.get(name, {}).values()} - {""}
        lines += [f"* {name}: {one.splitlines()[-1]}\n" for one in sorted(why)]
    return "\nNot measured:\n\n" + "".join(lines) if lines else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown; the first column is text."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"
