"""OpenVINO: post-training quantization by NNCF with its defaults, compiled for the batch, latency hint."""

from pathlib import Path
from typing import Any

from benchmarks.engines import Run, Source

PACKAGES = ("openvino", "nncf")
SUFFIX = ".xml"


def build(source: Source, file: Path) -> None:
    import nncf  # pyright: ignore[reportMissingImports]
    import openvino  # pyright: ignore[reportMissingImports]

    model = openvino.convert_model(str(source.onnx))
    samples = nncf.Dataset([image[None] for image in source.calibration])
    kind = nncf.ModelType.TRANSFORMER if source.transformer else None
    openvino.save_model(nncf.quantize(model, samples, subset_size=len(source.calibration), model_type=kind), str(file))


def open(file: Path, batch: int, threads: int, level: str) -> Run:
    import openvino  # pyright: ignore[reportMissingImports]

    core = openvino.Core()
    model = core.read_model(str(file))
    model.reshape({0: [batch, *(dimension.get_length() for dimension in list(model.input(0).partial_shape)[1:])]})
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
    request = core.compile_model(model, "CPU", settings).create_infer_request()

    def run(images: Any) -> Any:
        request.infer({0: images}, share_inputs=True)
        return request.get_output_tensor(0).data

    return run
