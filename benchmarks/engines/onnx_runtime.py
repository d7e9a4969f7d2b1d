"""ONNX Runtime: static QDQ, per channel, as `quantize_static` after `quant_pre_process`."""

from pathlib import Path
from typing import Any

from benchmarks.engines import INPUT, OUTPUT, Images, Run, Source

PACKAGES = ("onnxruntime",)
SUFFIX = ".onnx"
UNCLEAR = ("yolov8n", "lraspp_mobilenet_v3")  # whose shapes its symbolic inference does not finish


def build(source: Source, file: Path) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class OneByOne(CalibrationDataReader):
        def __init__(self, images: Images) -> None:
            self.feeds = iter([{INPUT: image[None]} for image in images])

        def get_next(self) -> Any:
            return next(self.feeds, None)

    prepared = file.with_suffix(".prepared.onnx")
    quant_pre_process(str(source.onnx), str(prepared), skip_symbolic_shape=source.network in UNCLEAR)
    quantize_static(
        str(prepared),
        str(file),
        OneByOne(source.calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()


def open(file: Path, batch: int, threads: int, level: str) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.add_free_dimension_override_by_name("N", batch)
    # its threads spin during a run, as they would for a user, but not into the next engine's turn
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return lambda images: session.run([OUTPUT], {INPUT: images})[0]  # pyright: ignore[reportReturnType]
