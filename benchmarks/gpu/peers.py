"""What else would compute it: PyTorch in float16 and its matrix products, which are cuBLASLt's, and TensorRT.

None of them has to be there: who is missing is said. PyTorch's networks are `benchmarks/networks`, seeded, with layers
of their own where ours share weights.
"""

import importlib
import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.gpu.device import REPEATS, spread
from benchmarks.gpu.graphs import BATCHES
from benchmarks.gpu.parts import Result

NETWORKS = {
    "resnet50": "resnet50",
    "mobilenet_v2": "mobilenet_v2",
    "deit_tiny": "deit_tiny",
    "bert_base": "bert_base_128",
}
SIDES = (4096, 8192)
KINDS = ("int8", "float16", "float8")
LIKE_LAYERS = ((12544, 64, 64), (3136, 256, 64), (784, 512, 128), (3136, 768, 768), (8192, 3072, 768))


def _missing(*modules: str) -> str:
    """Why these cannot be used; nothing where they can."""
    for name in modules:
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed"
    import torch

    return "" if torch.cuda.is_available() else "torch is not for GPUs"


def _every() -> Sequence[str]:
    return [f"{name}, batch {batch}" for name in NETWORKS for batch in BATCHES]


@contextmanager
def _clocks(torch: Any) -> Iterator[Callable[..., list[float]]]:
    """Milliseconds of so many starts, by events."""
    with torch.inference_mode():

        def times(start: Callable[[], object], repeats: int = REPEATS) -> list[float]:
            for _ in range(3):
                start()
            torch.cuda.synchronize()
            took = []
            for _ in range(repeats):
                before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                before.record()
                start()
                after.record()
                torch.cuda.synchronize()
                took.append(before.elapsed_time(after))
            return took

        yield times


def _captured(torch: Any, work: Callable[[], object]) -> Callable[[], object]:
    """Replays of a CUDA graph of some work."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


# --- matrix products


def products(folder: Path) -> Sequence[str]:
    if _missing("torch"):
        return ["torch"]
    shapes = [(side, side, side) for side in SIDES] + list(LIKE_LAYERS)
    return [f"{kind} {m} x {n} x {k}" for m, n, k in shapes for kind in KINDS]


def begin_products(folder: Path) -> Callable[[str], Result]:
    if missing := _missing("torch"):
        return lambda item: {"left out": missing}
    torch: Any = importlib.import_module("torch")

    def work_of(kind: str, m: int, n: int, k: int) -> Callable[[], object]:
        if kind == "int8":
            a = torch.randint(-128, 128, (m, k), dtype=torch.int8, device="cuda")
            b = torch.randint(-128, 128, (n, k), dtype=torch.int8, device="cuda").t()
            return lambda: torch._int_mm(a, b)
        a, b = (torch.randn(size, k, device="cuda", dtype=torch.float16) for size in (m, n))
        if kind == "float16":
            return lambda: a @ b.t()
        one = torch.ones((), device="cuda")
        a8, b8 = a.to(torch.float8_e4m3fn), b.to(torch.float8_e4m3fn)
        return lambda: torch._scaled_mm(a8, b8.t(), scale_a=one, scale_b=one, out_dtype=torch.float16)

    def answer(item: str) -> Result:
        kind, m, _, n, _, k = item.split()
        with _clocks(torch) as times:
            replay = _captured(torch, work_of(kind, int(m), int(n), int(k)))
            took = times(replay, 20)
        ms = spread(took)
        return {"ms": ms, "macs_per_s": float(f"{int(m) * int(n) * int(k) / max(ms['median'], 1e-9) * 1e3:.4g}")}

    return answer


# --- networks in PyTorch

MODES = ("graph", "compiled")


def networks(mode: str) -> Callable[[Path], Sequence[str]]:
    def items(folder: Path) -> Sequence[str]:
        return ["torch"] if _missing("torch") else _every()

    return items


def begin_networks(mode: str) -> Callable[[Path], Callable[[str], Result]]:
    """float16, channels last. `graph`: eager kernels in a CUDA graph; `compiled`: torch.compile, with its own."""

    def begin(folder: Path) -> Callable[[str], Result]:
        if missing := _missing("torch"):
            return lambda item: {"left out": missing}
        import torch

        made: dict[str, Any] = {}

        def answer(item: str) -> Result:
            name, _, batch = item.rpartition(", batch ")
            if name not in made:
                made.clear()
                made[name] = _half(torch, NETWORKS[name])
            module, samples = made[name]
            x = torch.from_numpy(samples(int(batch))).cuda()
            if x.dtype == torch.float32:
                x = x.half().contiguous(memory_format=torch.channels_last)
            with _clocks(torch) as times:
                if mode == "graph":
                    start = _captured(torch, lambda: module(x))
                else:
                    compiled = torch.compile(module, mode="reduce-overhead", dynamic=False)

                    def start() -> object:
                        torch.compiler.cudagraph_mark_step_begin()
                        return compiled(x)

                return {"ms": spread(times(start))}

        return answer

    return begin


def _half(torch: Any, name: str) -> tuple[Any, Callable[[int], Any]]:
    """A network in float16 on the device, and what makes its inputs."""
    from benchmarks.networks import NETWORKS as known

    one = known[name]
    module: Any = one.make().half().cuda().eval()
    if not one.tokens:
        module = module.to(memory_format=torch.channels_last)
    return module, lambda batch: one.samples(batch, seed=2)


# --- TensorRT


def tensorrt(folder: Path) -> Sequence[str]:
    return ["TensorRT"] if _missing("torch", "tensorrt") else _every()


def begin_tensorrt(folder: Path) -> Callable[[str], Result]:
    """In float16, from an ONNX file of PyTorch's, by TensorRT's builder; times are of its own CUDA graph."""
    if missing := _missing("torch", "tensorrt"):
        return lambda item: {"left out": missing}
    import tensorrt as trt  # pyright: ignore[reportMissingImports]
    import torch

    def answer(item: str) -> Result:
        name, _, batch = item.rpartition(", batch ")
        module, samples = _half(torch, NETWORKS[name])
        x = torch.from_numpy(samples(int(batch))).cuda()
        x = x.half() if x.dtype == torch.float32 else x
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            told = {"opset_version": 17, "input_names": ["x"], "output_names": ["y"]}
            torch.onnx.export(module, (x,), file.name, dynamo=False, **told)
            content = Path(file.name).read_bytes()
        log = trt.Logger(trt.Logger.ERROR)
        builder = trt.Builder(log)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, log)
        if not parser.parse(content):
            return {"failed": str(parser.get_error(0))}
        plan = builder.build_serialized_network(network, builder.create_builder_config())
        engine = trt.Runtime(log).deserialize_cuda_engine(plan)
        context = engine.create_execution_context()
        y = torch.empty(tuple(context.get_tensor_shape("y")), dtype=torch.float16, device="cuda")
        context.set_tensor_address("x", x.data_ptr())
        context.set_tensor_address("y", y.data_ptr())
        with _clocks(torch) as times:
            start = _captured(torch, lambda: context.execute_async_v3(torch.cuda.current_stream().cuda_stream))
            return {"version": trt.__version__, "ms": spread(times(start))}

    return answer
