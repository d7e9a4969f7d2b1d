"""LiteRT with XNNPACK: litert-torch converts the module, ai-edge-quantizer makes it int8 with calibrated activations.

The two converters pin older versions of what the rest of the tree uses, so they may live in an environment of their
own: `--litert-python` names its interpreter. Running a model needs `ai-edge-litert` alone.
"""

import os
from pathlib import Path
from typing import Any

from benchmarks.engines import Run, Source

PACKAGES = ("ai-edge-litert",)
SUFFIX = ".tflite"


def build(source: Source, file: Path) -> None:
    import litert_torch  # pyright: ignore[reportMissingImports]
    import torch
    from ai_edge_quantizer import qtyping, quantizer, recipe  # pyright: ignore[reportMissingImports]

    from benchmarks.networks import NETWORKS

    one = torch.from_numpy(source.calibration[:1])
    floating = file.with_suffix(".float.tflite")
    litert_torch.convert(NETWORKS[source.network].make(), (one,)).export(str(floating))
    making = quantizer.Quantizer(str(floating), recipe.static_wi8_ai8())
    for boundary in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):  # float, as everyone's
        making.update_quantization_recipe(".*", boundary, algorithm_key=recipe.AlgorithmName.NO_QUANTIZE)
    samples = [{"args_0": image[None]} for image in source.calibration]
    statistics = making.calibrate({"serving_default": samples})
    making.quantize(statistics).export_model(str(file), overwrite=True)
    floating.unlink()


def open(file: Path, batch: int, threads: int, level: str) -> Run:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]

    interpreter: Any = Interpreter(str(file), num_threads=threads)
    (given,) = interpreter.get_input_details()
    if batch != 1:
        interpreter.resize_tensor_input(given["index"], [batch, *given["shape"][1:]])
    interpreter.allocate_tensors()
    (answer,) = interpreter.get_output_details()

    def run(images: Any) -> Any:
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(answer["index"])

    return run
