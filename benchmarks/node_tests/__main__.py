"""How many of ONNX's node tests are right: python -m benchmarks.node_tests [--write] [--most N] [--why OPERATOR]."""

import argparse
import json
import warnings
from collections import Counter
from pathlib import Path

import onnx

from benchmarks.node_tests.cases import CLAIMED, cases, judged, modules, short, subject

RECORD = Path(__file__).parent / "record.json"  # operator -> how many cases are right, refused


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"keep what was counted in {RECORD.name}")
    parser.add_argument("--most", type=int, default=1 << 30, help="so many cases of an operator at most")
    parser.add_argument("--why", metavar="OPERATOR", help="say of each case of an operator what became of it")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # onnx computes its cases' infinities
    counted: dict[str, Counter[str]] = {}
    for module in modules():
        for case in cases(module):
            operator = subject(case)
            if operator not in CLAIMED or (asked.why and operator != asked.why):
                continue
            if counted.get(operator, Counter()).total() >= asked.most:
                continue
            verdict = judged(case)
            counted.setdefault(operator, Counter())[verdict.kind] += 1
            if asked.why or verdict.kind == "wrong":
                print(f"{case.name}: {verdict.kind} {short(verdict.why)}", flush=True)
    right = sum(count["right"] > 0 for count in counted.values())
    every = {one.name for one in onnx.defs.get_all_schemas() if one.domain == ""}
    print(f"{right} of {len(every)} operators have a case that is right, of {len(counted)} that are claimed")
    print("without one:", ", ".join(sorted(name for name, count in counted.items() if not count["right"])))
    if asked.write:
        record = {name: [count["right"], count["refused"]] for name, count in sorted(counted.items())}
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    return int(any(count["wrong"] for count in counted.values()))


if __name__ == "__main__":
    raise SystemExit(main())
