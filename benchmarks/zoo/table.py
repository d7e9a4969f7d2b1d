"""The page of what a log says: counts of each group, then network by network."""

from textwrap import wrap

from benchmarks.zoo.networks import GROUPS

Record = dict[str, object]
FILES, FEATURES = "real files", "files that prepare sounds"
NOTHING = -99.0  # dB of answers that are zero, or that do not differ

HEAD = """# Networks through whole compiles

```bash
pip install timm torchvision
python -m benchmarks.zoo --log zoo.jsonl --models models            # resumes where it was stopped
python -m benchmarks.zoo --log zoo.jsonl --table docs/networks.md   # this page
```

Architectures with random seeded weights, exported by torch to ONNX, and files that packages carry, trained but for
those of `light`, which ONNX carries with uniform weights. Each is compiled by default options from 16 or more
random inputs, smooth in space and time; the artifact's answers to four others are compared: with the integer
reference, bit for bit, at every level that the machine runs (files over 10 MB: the best and x86-64); batches of two
with batches of one; and with ONNX Runtime in float: the least signal to noise of all outputs, dB. *Between* is that
of what differs between inputs: networks with random weights often say nearly the same to all of them, and trained ones
find nothing in noise (a detector of text: no text anywhere), and then it says nothing of 8 bits; - where the float
answers are all zero, or all the same. Seconds are of compiling on one core of a shared machine, MiB the most memory of
the process; *bytes* is the artifact with code for all levels that were compared, beside the float file's. Files with
another batch than one, or an input that decides, are compiled as `--shape` and `--constant` say; of the 29 files of
onnx_asr that make features of sounds only a few were run. Rows are of several days of development: those of networks
that were not run again keep the times and memory of the day. Transformer encoders are in
[their own list](transformers.md).
"""


def group_of(name: str) -> str:
    of_files = FEATURES if "preprocessors" in name else FILES
    return next((group for group, members in GROUPS.items() if name in members), of_files)


def page(records: list[Record]) -> str:
    """Markdown."""
    groups = {
        group: [one for one in records if group_of(str(one["name"])) == group] for group in (*GROUPS, FILES, FEATURES)
    }
    lines = [HEAD, "| group | listed | run | taken, bits equal |", "|---|---|---|---|"]
    for group, of_group in groups.items():
        listed = len(GROUPS.get(group, of_group))
        run = [one for one in of_group if not one.get("skipped")]
        lines.append(f"| {group} | {listed} | {len(run)} | {sum(bool(one['taken']) for one in run)} |")
    for group, of_group in groups.items():
        if of_group:
            columns = ["network", "s", "MiB", "dB", "between", "bytes", "float"]
            lines += [
                f"\n## {group[0].upper()}{group[1:]}\n",
                f"| {' | '.join(columns)} |",
                "|---" * len(columns) + "|",
            ]
            lines += [row(one) for one in sorted(of_group, key=lambda one: str(one["name"]).rpartition("/")[2])]
            done = {one["name"] for one in of_group}
            if others := [name for name in GROUPS.get(group, ()) if name not in done]:
                lines += ["", *wrap(f"Not run: {', '.join(others)}.", 119)]
    return "\n".join(lines) + "\n"


def row(one: Record) -> str:
    """One line; of a network that was not taken the sentence."""
    *_, folder, name = ("", *str(one["name"]).removesuffix(".onnx").split("/"))
    name = f"{folder}/{name}" if folder else name
    if "seconds" not in one:
        why = str(one["why"]).splitlines()
        said = f"fault: {why[-1]}" if one.get("fault") else why[0]
        return f"| {name} | {said.replace('|', '/')} | | | | | |"
    keys = ("seconds", "peak_mib", "sqnr_db", "between_db")
    figures = ["-" if one[key] == NOTHING else f"{float(str(one[key])):.0f}" for key in keys]
    sizes = [f"{int(str(one[key])):,}" for key in ("bytes", "float_bytes")]
    wrong = "" if one["taken"] else f" **{one['why']}**"
    return f"| {name}{wrong} | {' | '.join((*figures, *sizes))} |"
