"""The ratios as bars: one group a network, one bar a peer, ours the line at one."""

from pathlib import Path
from typing import Any

from benchmarks.engines import FILES, OURS


def plot(report: dict[str, Any], path: Path) -> None:
    """One panel for each level, number of threads and batch; speed is relative to ours, so that longer is faster."""
    import matplotlib  # pyright: ignore[reportMissingImports]

    matplotlib.use("Agg")
    from matplotlib import pyplot  # pyright: ignore[reportMissingImports]

    cells = report["cells"]
    figure, panels = pyplot.subplots(len(cells), 1, figsize=(11, 2.6 * len(cells)), squeeze=False, layout="constrained")
    engines = [name for name in FILES if name in report["versions"] and name != OURS]
    for panel, cell in zip(panels[:, 0], cells, strict=True):
        networks = [name for name, measured in cell["networks"].items() if measured["engines"]]
        for index, name in enumerate(engines):
            places, heights, errors = [], [], ([], [])
            for at, network in enumerate(networks):
                row = cell["networks"][network]["engines"].get(name)
                if row is None or "ratio" not in row:
                    continue
                low, middle, high = (1 / r for r in reversed(row["ratio"]))
                places.append(at + 0.8 * (index + 0.5) / len(engines) - 0.4)
                heights.append(middle)
                errors[0].append(middle - low)
                errors[1].append(high - middle)
            panel.bar(places, heights, 0.8 / len(engines), yerr=errors, label=name)
        panel.axhline(1.0, color="black", linewidth=0.8)
        panel.set_xticks(range(len(networks)), networks)
        panel.set_ylabel("speed, ours = 1")
        panel.set_title(f"{cell['isa']}, {cell['threads']} thread(s), batch {cell['batch']}", loc="left")
    panels[0, 0].legend(ncols=len(engines), loc="lower right", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=120)
