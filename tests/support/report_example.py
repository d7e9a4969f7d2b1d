"""A report with every section: small, made up, and with names that a page must not take for markup."""

import json
from typing import Any

from dyadic.compiler.json_record import from_json
from dyadic.compiler.report.facts import ArtifactFacts, Facts, named
from dyadic.compiler.report_schema import Report

HOSTILE = '/block/<script>alert("x")</script>/conv $a_b$ & [red]'

REPORT: dict[str, Any] = json.loads(
    """
{
 "schema": 2, "model": "small.onnx", "precision": "mixed", "certificate": "integer-only: summary of the report",
 "seconds": {"import": 0.113, "calibrate": 12.52, "select": 31.7, "emit": 2.204},
 "comparison": {"samples": 5000, "held_out": true, "float_engine": "onnxruntime", "float_accuracy": 0.9178,
  "int8_accuracy": 0.9152, "difference": {"value": -0.0026, "low": -0.0051, "high": -0.0001},
  "agreement": 0.9712, "sqnr_db": 21.87,
  "threads": 2, "batch": 1, "float_ms": 1.913, "int8_ms": 0.8123, "float_bytes": 1099120, "int8_bytes": 301568,
  "code_bytes": 46072, "levels": 2, "engine_version": "1.23.2"},
 "date": "2026-11-29T13:11:29+00:00",
 "machine": {"processor": "Example 9000 <8>", "cores": 12, "system": "Linux x86_64", "level": "avx512vnni"},
 "used": {"calibration": "train.npz", "calibration_samples": 1000, "evaluation": "test.npz", "synthetic": false},
 "layer_samples": 8,
 "histograms": [{"layer": "/block/second/Conv", "low": -0.015, "high": 0.44, "float_counts": [900, 31, 14, 5],
   "integer_counts": [911, 29, 13, 3]}, {"layer": "HOSTILE", "low": -0.25, "high": 0.25, "float_counts": [400, 402],
   "integer_counts": [399, 403]}],
 "layers": [
  {"name": "/stem/Conv", "op": "conv2d", "shape": [16, 32, 32], "weights": "w8", "weight_shape": [16, 3, 3, 3],
   "weight_scale": [0.00211, 0.0187], "activation": 8, "scale": 0.0151348, "zero_point": 0,
   "sensitivity": {"value": 4.13, "low": 3.61, "high": 4.65}, "sqnr_db": 38.21, "bytes": 640, "macs": 442368,
   "time_us": 21.37, "kernel": "conv_a28b175db8fe", "isa": "avx512vnni", "share_of_peak": 0.413, "why": "kept: --keep"},
  {"name": "HOSTILE", "op": "conv_add", "shape": [16, 32, 32], "weights": "w4g32", "weight_shape": [16, 3, 3, 16],
   "weight_scale": [0.00307, 0.0211], "activation": 8, "scale": 0.0240652, "zero_point": 7,
   "sensitivity": {"value": 0.0312, "low": 0.0287, "high": 0.0337}, "sqnr_db": 22.06, "bytes": 1344, "macs": 2359296,
   "time_us": 61.92, "kernel": "conv_b1be19ccfcfc", "isa": "avx512vnni", "share_of_peak": 0.687,
   "why": "the plan's room went to the stem", "reads": ["/stem/Conv"]},
  {"name": "/block/second/Conv", "op": "conv2d", "shape": [32, 16, 16], "weights": "w2", "weight_shape": [32, 3, 3, 16],
   "weight_scale": [0.0131, 0.0919], "activation": 4, "scale": 0.0303, "zero_point": 3,
   "sensitivity": {"value": 0.00251, "low": 0.00198, "high": 0.00304}, "sqnr_db": 14.93, "bytes": 1152, "macs": 1179648,
   "time_us": 33.08, "kernel": "conv_c0ffee", "isa": "avx512vnni", "share_of_peak": 0.551,
   "reads": ["HOSTILE", "/stem/Conv"]},
  {"name": "/pool", "op": "avg_pool", "shape": [32, 1, 1], "activation": 16, "scale": 0.000071, "zero_point": 0,
   "bytes": 0, "macs": 0, "time_us": 1.44, "kernel": "avg_pool_12", "isa": "avx512vnni",
   "reads": ["/block/second/Conv"]},
  {"name": "/fc/Gemm", "op": "linear", "shape": [10], "weights": "w8", "weight_shape": [10, 32],
   "weight_scale": [0.0039, 0.0045], "activation": 8, "scale": 0.1105, "zero_point": 105,
   "sensitivity": {"value": 0.711, "low": 0.602, "high": 0.82}, "sqnr_db": 41.5, "bytes": 1024, "macs": 320,
   "time_us": 0.97, "kernel": "conv_d00d", "isa": "avx512vnni", "share_of_peak": 0.021, "reads": ["/pool"]}],
 "selection": {"method": "hessian-trace", "solver": "ilp", "objective": "least loss within all budgets",
  "budgets": {"size": {"asked": "0.62x", "limit": 163221}, "latency": {"asked": "0.9x", "limit": 0.8911}},
  "requested": {"/stem/Conv": "w8a8", "HOSTILE": "w4a8", "/block/second/Conv": "w2a4", "/fc/Gemm": "w8a8"},
  "applied": {"/stem/Conv": "w8a8", "HOSTILE": "w4g32a8", "/block/second/Conv": "w2a4", "/fc/Gemm": "w8a8"},
  "differences": [{"layer": "HOSTILE", "requested": "w4a8", "applied": "w4g32a8",
   "why": "its residual shares the type"}],
  "verdict": "The chosen plan is 0.61 times int8's size and 5 % faster; it loses 0.26 points.",
  "notes": ["4 bits are only smaller here: on this machine they are not faster."],
  "variants": [
   {"name": "float", "bytes": 1099120, "latency_ms": 1.913, "latency_low_ms": 1.887, "latency_high_ms": 1.951,
    "accuracy": 0.9178},
   {"name": "int8", "bytes": 412672, "latency_ms": 0.8574, "latency_low_ms": 0.8488, "latency_high_ms": 0.8671,
    "accuracy": 0.9171, "difference": {"value": -0.0007, "low": -0.0007, "high": -0.0007}},
   {"name": "chosen", "bytes": 301568, "latency_ms": 0.8123, "latency_low_ms": 0.8039, "latency_high_ms": 0.8214,
    "accuracy": 0.9152, "difference": {"value": -0.0026, "low": -0.0051, "high": -0.0001},
    "shipped": true}],
  "front": [
   {"loss": 0.5213, "bytes": 141312, "bops": 1310000000, "latency_ms": 0.7817, "accuracy": 0.9018, "chosen": false,
    "command": "dyadic compile small.onnx --plan point-1.json -o small.dyq"},
   {"loss": 0.1871, "bytes": 163072, "bops": 1720000000, "latency_ms": 0.8018, "accuracy": 0.9152, "chosen": true,
    "command": "dyadic compile small.onnx --plan point-2.json -o small.dyq"},
   {"loss": 0.0313, "bytes": 221184, "bops": 2390000000, "latency_ms": 0.8402, "accuracy": 0.9169, "chosen": false,
    "command": "dyadic compile small.onnx --plan point-3.json -o small.dyq"}],
  "random_plans": [{"loss": 0.611, "bytes": 162816, "bops": 1810000000, "accuracy": 0.8934},
   {"loss": 0.442, "bytes": 163200, "bops": 1790000000, "accuracy": 0.9061},
   {"loss": 0.873, "bytes": 162048, "bops": 1830000000, "accuracy": 0.8719}]},
 "latency": {"predicted_ms": 0.7991, "measured_ms": 0.8118, "error": 0.0156, "level": "avx512vnni", "threads": 2,
  "layers": [{"name": "/stem/Conv", "predicted_us": 20.91, "measured_us": 21.37},
   {"name": "HOSTILE", "predicted_us": 50.03, "measured_us": 61.92},
   {"name": "/block/second/Conv", "predicted_us": 34.11, "measured_us": 33.08},
   {"name": "/fc/Gemm", "predicted_us": 0.93, "measured_us": 0.97}]},
 "sensitivity": {"used": "hessian-trace", "unit": "loss",
  "correlations": {"hessian-trace": {"rho": 0.871, "low": 0.702, "high": 0.952, "layers": 4},
   "sqnr": {"rho": 0.634, "low": 0.281, "high": 0.837, "layers": 4}},
  "points": [{"layer": "/stem/Conv", "scheme": "w4", "predicted": 0.301, "measured": 0.2877},
   {"layer": "HOSTILE", "scheme": "w4", "predicted": 0.0107, "measured": 0.0113},
   {"layer": "/block/second/Conv", "scheme": "w4", "predicted": 0.0052, "measured": 0.0131},
   {"layer": "/block/second/Conv", "scheme": "w2", "predicted": 0.0911, "measured": 0.1049}]},
 "refine": [{"layer": "HOSTILE", "technique": "learned rounding", "before_db": 17.31, "after_db": 22.06},
  {"layer": "/block/second/Conv", "technique": "scale search", "before_db": 9.87, "after_db": 14.93}],
 "commands": {"headline": "dyadic compile small.onnx --calibration train.npz --evaluate test.npz -o small.dyq",
  "front": "dyadic compile small.onnx --solver pareto -o small.dyq",
  "latency by layer": "dyadic bench small.dyq --profile"}
}
""".replace("HOSTILE", json.dumps(HOSTILE)[1:-1])
)

ARTIFACT: dict[str, Any] = {
    "file": "small.dyq",
    "bytes": 301568,
    "target": "cpu",
    "sections": {"cpu/weights": 4160, "cpu/params": 2944, "cpu/code/avx512vnni": 20240, "cpu/code/avx2": 25832},
    "levels": {"avx512vnni": 5, "avx2": 6},
    "inputs": [{"name": "image", "shape": ["N", 3, 32, 32], "dtype": "float32"}],
    "outputs": [{"name": "logits", "shape": ["N", 10], "dtype": "float32"}],
    "macs": 3981632,
    "arena_bytes": 65472,
    "layers": [{"name": "/stem/Conv", "op": "conv2d", "macs": 442368, "bytes": 640, "kernel": "conv_a28b175db8fe"}],
    "certificate": {
        "images": [
            {"level": "avx512vnni", "sha256": "ab" * 32, "bytes": 20240, "kernels": 5, "instructions": 3286},
            {"level": "avx2", "sha256": "cd" * 32, "bytes": 25832, "kernels": 6, "instructions": 4759, "offenders": []},
        ],
        "accumulators": {"/stem/Conv": [-156060, 109650], HOSTILE: [-913410, 817275]},
        "integer_ops": 6,
        "valid": True,
        "summary": "integer-only: none of 8,045 instructions of 6 operators computes in floating point or divides",
    },
    "made": {
        "versions": {"dyadic": "0.1.0", "numpy": "2.4.6"},
        "options": {"precision": "mixed", "threads": None, "levels": ["avx512vnni", "avx2"]},
        "model": {"name": "small.onnx", "sha256": "01" * 32},
        "calibration": {"name": "train.npz", "sha256": "23" * 32, "samples": 1000},
    },
}


def example() -> dict[str, Any]:
    """A fresh copy, for tests that take parts away."""
    return json.loads(json.dumps(REPORT | {"artifact": ARTIFACT}))


def read(said: dict[str, Any]) -> Facts:
    """As `facts_of` reads them."""
    report = {key: value for key, value in said.items() if key != "artifact"}
    return Facts(named(Report.from_json(report, "small.dyq"), "small.dyq"), from_json(ArtifactFacts, said["artifact"]))
