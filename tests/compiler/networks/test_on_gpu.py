"""Whole networks on the GPU for tests equal the integer reference bit for bit, every check of the executor on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.command_line import DIGITS
from support.meaning import ROOT
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu
from torch import nn
from torch_mlir import ir

import dyadic
from benchmarks.networks.encoder import minilm
from benchmarks.networks.seeded import images
from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.compiler.targets.cuda import verify
from dyadic.dialects.launch import launches_of
from dyadic.dialects.qi.products import is_layer
from dyadic.dialects.reference import main_function
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cuda.kernel_selection import warpgroups
from dyadic.passes.lower.cuda.select_gpu_kernels import SETUP
from dyadic.runtime.artifact import inflated, open_artifact
from dyadic.runtime.cpu.levels import usable
from dyadic.runtime.cuda.constants import read
from dyadic.runtime.cuda.program import CudaProgram
from dyadic.runtime.errors import ArtifactError

__all__ = ["gpu"]
ASSETS = ROOT.parent / "shared" / "assets"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For both targets."""
    path = tmp_path_factory.mktemp("digits") / "digits.dyq"
    model, train = DIGITS / "digits.onnx", np.load(DIGITS / "train.npz")["image"][:64]
    dyadic.compile(model, {"image": train}, target="cpu:x86-64,cuda:sm_90a", measure=False).save(path)
    return path


@pytest.fixture
def library(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu.start()
    monkeypatch.setenv("DYADIC_LIBCUDA", gpu.library._name)


@pytest.mark.usefixtures("library")
def test_the_example_gives_the_bits_of_the_processor(digits: Path) -> None:
    x = np.load(DIGITS / "test.npz")["image"][:8]
    with dyadic.load(digits, max_batch=8) as here, dyadic.load(digits, max_batch=8, device="cuda") as there:
        assert (there.program.target, there.isa) == ("cuda", "ptx")  # the executor is no sm_90a and takes PTX only
        for count in (8, 1, 3):
            np.testing.assert_array_equal(there(x[:count]), here(x[:count]))


def test_few_launches_an_inference(digits: Path) -> None:
    """At most 1.2 for every layer with weights, quantizing and dequantizing among them."""
    with open_artifact(digits) as file:
        program = next(one for one in file.programs if one.target == "cuda")
        layers = [step for step in program.timed_steps if step.macs]
        assert len(program.timed_steps) <= 1.2 * len(layers) + 2


class OptionA(nn.Module):
    """A block of a residual network whose shortcut is every second pixel, and channels of zeros."""

    def __init__(self, made: int, stride: int) -> None:
        super().__init__()
        read = made // stride
        self.first = nn.Conv2d(read, made, 3, stride, padding=1)
        self.second = nn.Conv2d(made, made, 3, padding=1)
        self.stride, self.more = stride, (made - read) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(torch.relu(self.first(x)))
        if self.more:
            x = nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more, self.more))
        return torch.relu(x + y)


def residual_network() -> nn.Module:
    """As those for CIFAR-10 are."""
    blocks = [
        OptionA(16, 1),
        OptionA(16, 1),
        OptionA(16, 1),
        OptionA(32, 2),
        OptionA(32, 1),
        OptionA(64, 2),
        OptionA(64, 1),
    ]
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), *blocks, *end)


class Encoder(nn.Module):
    """A layer of a transformer, its norms in front of each half or behind it."""

    def __init__(self, width: int, heads: int, *, before: bool) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.wider, self.narrower = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.heads, self.before = heads, before

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (f(x).reshape(len(x), x.shape[1], self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        y = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1) @ v
        return self.o(y.transpose(1, 2).reshape(x.shape))

    def feed(self, x: torch.Tensor) -> torch.Tensor:
        return self.narrower(nn.functional.gelu(self.wider(x)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = self.norms
        if self.before:
            x = x + self.attend(first(x))
            return x + self.feed(second(x))
        x = first(x + self.attend(x))
        return second(x + self.feed(x))


class VisionTransformer(nn.Module):
    """As DeiT is."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 4, 4)
        self.first = nn.Parameter(torch.randn(1, 1, 32))
        self.places = nn.Parameter(torch.randn(1, 10, 32))
        self.layers = nn.Sequential(*(Encoder(32, 2, before=True) for _ in range(3)))
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.patches(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.first.expand(len(x), -1, -1), y], 1) + self.places
        return self.head(self.norm(self.layers(y))[:, 0])


class SentenceEncoder(nn.Module):
    """As those of the family of BERT are."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, 32), nn.Parameter(torch.randn(1, 9, 32))
        self.norm = nn.LayerNorm(32)
        self.layers = nn.Sequential(*(Encoder(32, 2, before=False) for _ in range(3)))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.layers(self.norm(self.words(ids) + self.places)).mean(1)


def plain_network() -> nn.Module:
    """As VGG is: pools between layers, of which the second leaves a row and a column out."""
    read, layers = 3, list[nn.Module]()
    for made in (16, 24, 32, 40):
        layers += [nn.Conv2d(read, made, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(made, made, 3, padding=1), nn.SiLU(), nn.MaxPool2d(2)]
        read = made
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(160, 32), nn.ReLU(), nn.Linear(32, 10))


NETWORKS = {
    "plain": (plain_network, (3, 36, 38)),
    "residual": (residual_network, (3, 12, 12)),
    "vision": (VisionTransformer, (3, 12, 12)),
    "sentences": (SentenceEncoder, (9,)),
}


@pytest.fixture(scope="module", params=NETWORKS)
def small(request: pytest.FixtureRequest) -> tuple[ir.Module, np.ndarray]:
    """A network of integers, and samples."""
    torch.manual_seed(0)
    make, dims = NETWORKS[request.param]
    random = np.random.default_rng(0)
    words = request.param == "sentences"
    x = random.integers(0, 50, (8, *dims)) if words else random.normal(size=(8, *dims)).astype(np.float32)
    job = Job(make().eval(), x, example_inputs=(torch.from_numpy(x[:1]),))
    return network_after("integerize", job), x


def test_few_launches_a_layer(small: tuple[ir.Module, np.ndarray]) -> None:
    """At most 1.2 for every operator with weights, quantizing and dequantizing among them."""
    network = small[0].operation.clone()
    layers = [op for op in main_function(network).regions[0].blocks[0].operations if is_layer(op.operation.name)]
    with network.context, ir.Location.unknown():
        for one in PIPELINE["lower/cuda"]:
            one.run(network)
    steps = [launch.op.value for launch in launches_of(network) if SETUP not in launch.attributes]
    assert len(steps) + 2 <= 1.2 * len(layers), steps


@pytest.mark.slow
def test_their_bits(gpu: Gpu, small: tuple[ir.Module, np.ndarray], tmp_path: Path) -> None:
    network, x = small
    with network.context, ir.Location.unknown():
        check_on_gpu(gpu, network, x, tmp_path / "m.dyq", (3, 1, 8))


class Projections(nn.Module):
    """Three layers read one tensor; one of them is followed by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(64, n) for n in (64, 64, 32))
        self.h, self.o = nn.Linear(64, 40), nn.Linear(40, 24)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.q(x) * self.k(x), self.v(x), self.o(nn.functional.gelu(self.h(x)))


def test_layers_of_one_input_are_one_launch_and_look_their_functions_up(gpu: Gpu, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(8, 7, 64)).astype(np.float32)
    network = network_after("integerize", Job(Projections().eval(), x, example_inputs=(torch.from_numpy(x[:1]),)))
    with network.context, ir.Location.unknown():
        steps = check_on_gpu(gpu, network, x[:3], tmp_path / "m.dyq")
    assert steps == ["qi.linear", "qi.mul", "qi.linear", "qi.linear"]


class Bottlenecks(nn.Module):
    """Functions stand between layers and the additions of shortcuts."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 12, 3, 2, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(12, 12, 3, padding=1) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.silu(self.first(x))
        for n in (0, 2):
            y = nn.functional.silu(self.layers[n](x))
            x = x + nn.functional.silu(self.layers[n + 1](y))
        return x


def test_a_layer_adds_behind_its_function(gpu: Gpu, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(8, 3, 11, 9)).astype(np.float32)
    network = network_after("integerize", Job(Bottlenecks().eval(), x, example_inputs=(torch.from_numpy(x[:1]),)))
    with network.context, ir.Location.unknown():
        steps = check_on_gpu(gpu, network, x[:3], tmp_path / "m.dyq")
    assert steps == ["qi.conv2d"] * 5


class Upsampled(nn.Module):
    """A transposed convolution makes part of what a layer reads."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.down = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 24, 3, 2, padding=1)
        self.up, self.last = nn.ConvTranspose2d(24, 32, 2, 2), nn.Conv2d(48, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        y = self.up(torch.relu(self.down(x)))
        return self.last(torch.cat([x, y], 1))


def test_a_layer_stores_pixels_where_they_belong(gpu: Gpu, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(8, 3, 12, 10)).astype(np.float32)
    network = network_after("integerize", Job(Upsampled().eval(), x, example_inputs=(torch.from_numpy(x[:1]),)))
    with network.context, ir.Location.unknown():
        steps = check_on_gpu(gpu, network, x[:3], tmp_path / "m.dyq")
    assert steps.count("qi.conv2d") == 4 and "qi.transpose" not in steps


@pytest.mark.parametrize("channels", [1, 13])
def test_a_signal_is_written_where_its_first_layer_reads(gpu: Gpu, channels: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(8, channels, 29)).astype(np.float32)
    model = nn.Sequential(nn.Conv1d(channels, 20, 9, 2, padding=4), nn.ReLU(), nn.Conv1d(20, 8, 1)).eval()
    network = network_after("integerize", Job(model, x, example_inputs=(torch.from_numpy(x[:1]),)))
    with network.context, ir.Location.unknown():
        steps = check_on_gpu(gpu, network, x[:3], tmp_path / "m.dyq")
    assert steps == ["qi.conv2d"] * 2


@pytest.mark.slow  # kernels for three architectures
@pytest.mark.parametrize("cluster", [1, 2])
def test_an_architecture_may_have_kernels_of_its_own(
    cluster: int, gpu: Gpu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Products by groups of four warps, in tiles as small as the layers, by blocks alone or two that share weights:
    launched in another way, with the same weights, parameters and bits."""
    monkeypatch.setattr(warpgroups, "CLUSTERS", (cluster,))
    monkeypatch.setattr(warpgroups, "SHAPES", ((64, 32),))
    monkeypatch.setattr(warpgroups, "STAGES", 4)
    monkeypatch.setattr(warpgroups, "LEAST_GAIN", 0)
    monkeypatch.setattr(verify, "reprove", lambda *_: "")  # no certificate was written
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(8, 7, 64)).astype(np.float32)
    network = network_after("integerize", Job(Projections().eval(), x, example_inputs=(torch.from_numpy(x[:1]),)))
    with network.context, ir.Location.unknown():
        check_on_gpu(gpu, network, x[:3], tmp_path / "m.dyq", levels=("sm_90a", "sm_90", "ptx"))
    with open_artifact(tmp_path / "m.dyq") as file:
        program = file.program
        assert isinstance(program, CudaProgram)
        products = {step.kernel for step in program.steps if step.op == "qi.linear"}
        assert set(program.code["sm_90a"].launches) == products and not program.code["sm_90"].launches
        own = program.code["sm_90a"].launches.values()
        assert all(one.threads == 128 for one in own)
        assert 64 * cluster in {one.block_items for one in own}  # not every product has whole blocks of columns
        (*_, said) = verify.network(file, [program], {})
        assert said.startswith("the weights and parameters of 4 steps")
        monkeypatch.setattr(warpgroups, "STAGES", 5)
        with pytest.raises(ArtifactError, match="its program has other launches of sm_90a than its network"):
            list(verify.network(file, [program], {}))


class Squeezed(nn.Module):
    """Inverted residual blocks as EfficientNet has them, and as MobileNetV3 has them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 20, 3, 2, 1)
        self.alone = nn.ModuleList(nn.Conv2d(20, 20, 3, padding=1, groups=20) for _ in range(2))
        self.squeeze = nn.ModuleList(nn.Conv2d(20, 6, 1) for _ in range(2))
        self.excite = nn.ModuleList(nn.Conv2d(6, 20, 1) for _ in range(2))
        self.project = nn.ModuleList(nn.Conv2d(20, 20, 1) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.silu(self.stem(x))
        kinds = ((nn.functional.silu, torch.sigmoid), (nn.functional.relu, nn.functional.hardsigmoid))
        for n, (inner, gate) in enumerate(kinds):
            y = nn.functional.silu(self.alone[n](x))
            s = self.excite[n](inner(self.squeeze[n](nn.functional.adaptive_avg_pool2d(y, 1))))
            x = x + self.project[n](y * gate(s))
        return x.mean((2, 3))


@pytest.mark.usefixtures("library")
def test_squeezes_are_two_launches_of_shared_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    x = images(3, 14, seed=1)
    path = tmp_path / "squeezed.dyq"
    monkeypatch.setattr("dyadic.compiler.targets.cuda.emit.assemble", lambda text, architecture: None)
    given = {"example_inputs": (torch.from_numpy(x[:1]),), "target": "cpu:x86-64,cuda:sm_90"}
    dyadic.compile(Squeezed().eval(), x, measure=False, **given).save(path)
    with dyadic.load(path, max_batch=3, device="cpu") as here, dyadic.load(path, max_batch=3, device="cuda") as there:
        for count in (3, 1):
            np.testing.assert_array_equal(there(x[:count]), here(x[:count]))
    with open_artifact(path) as file:
        program = next(one for one in file.programs if isinstance(one, CudaProgram))
        block = ["qi.conv2d", "qi.avg_pool", "qi.conv2d", "qi.conv_add"]
        assert [step.op for step in program.steps] == ["qi.conv2d", *block, *block, "qi.avg_pool"]
        gathered = {one.to for one in read(inflated(file.section(program.gather), "it")).taken}
        assert gathered == {step.weights for step in program.steps if step.macs}
        assert list(verify.verify(file))[-1].startswith("the weights and parameters of 10 steps")


PIXELS = {"preprocess": "scale=1/255,mean=0.45,std=0.225", "input_dtype": "uint8", "input_layout": "nhwc"}
WHOLE = [
    "cifar10/resnet20",
    "cifar10/resnet20, pixels",
    "imagenet/mobilenet_v1_075_224",
    "imagenet/mobilenet_v1_075_224, pixels",
    "imagenet/deit_tiny_patch16_224",
    "minilm",
]


@pytest.mark.slow
@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("name", WHOLE)
def test_whole_networks_give_the_bits_of_the_processor(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three trained ones, and MiniLM's shape: with all checks, in batches of 1, 3 and 8, as code for every GPU and for
    Hopper."""
    file, _, pixels = name.partition(", ")
    told: dict[str, Any] = {}
    if name == "minilm":
        model, x = minilm(32), np.random.default_rng(1).integers(0, 30522, (8, 32))
        told = {"example_inputs": (torch.from_numpy(x[:1]),)}
    else:
        model, x = ASSETS / f"{file}.onnx", images(8, 32 if file.startswith("cifar10") else 224, seed=1)
        if not model.is_file():
            pytest.skip(f"{model} is missing: trained networks were NOT tested on the GPU for tests")
    if pixels:
        x, told = np.clip((x * 0.225 + 0.45) * 255, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1).copy(), PIXELS
    path = tmp_path / "whole.dyq"
    monkeypatch.setattr("dyadic.compiler.targets.cuda.emit.assemble", lambda text, architecture: None)  # to text alone
    dyadic.compile(model, x[:4], target=f"cpu:{usable()[0]},cuda:sm_90a", measure=False, **told).save(path)
    batches = (x[:1], x[1:4], x)
    with dyadic.load(path, max_batch=8, device="cpu") as here:
        expected = [here(batch) for batch in batches]
    for level in ("ptx", "sm_90a"):
        with dyadic.load(path, max_batch=8, device="cuda", isa=level) as there:
            for batch, answer in zip(batches, expected, strict=True):
                np.testing.assert_array_equal(there(batch), answer)


class Moved(nn.Module):
    """Functions behind convolutions of single channels, pixels that become several, inside of what has a ring, and what
    is joined along rows and tokens, a constant first."""

    def __init__(self) -> None:
        super().__init__()
        self.alone = nn.Conv2d(20, 20, 3, padding=1, groups=20)
        self.up, self.beside = (nn.ConvTranspose2d(20, n, 2, 2) for n in (12, 16))
        self.merge = nn.Conv2d(28, 20, 3, padding=1)
        self.left, self.right = nn.Conv2d(20, 24, 1), nn.Conv2d(20, 24, 1)
        self.token, self.head = nn.Parameter(torch.randn(1, 1, 24)), nn.Linear(24, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.silu(self.alone(x))
        x = self.merge(torch.cat([self.up(x), self.beside(x)], 1))
        x = torch.cat([self.left(x), self.right(x)], 2)
        x = x.flatten(2).transpose(1, 2)
        return self.head(torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1))


def test_functions_and_joins_are_no_launches(gpu: Gpu, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(3, 20, 5, 6)).astype(np.float32)
    network = network_after("integerize", Job(Moved().eval(), x, example_inputs=(torch.from_numpy(x[:1]),)))
    with network.context, ir.Location.unknown():
        steps = check_on_gpu(gpu, network, x, tmp_path / "m.dyq")
    up = ["qi.conv2d", "qi.transpose"]
    assert steps == ["qi.conv2d", *up, *up, "qi.conv2d", "qi.conv2d", "qi.conv2d", "qi.linear"]
