"""What import of a torch module keeps, and what can be wrong with one."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support.meaning import assert_close, operations, outputs, prepared
from torch import nn
from torch_mlir import ir

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.dialects.reference import boundary_names, main_function
from dyadic.runtime.errors import ModelError, UsageError


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.drop = nn.Dropout()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.relu(self.drop(self.relu(self.conv(image))) + image)


def imported(module: nn.Module, *shape: int) -> ir.Module:
    return import_torch(module, (torch.zeros(shape or (1, 4, 5, 5)),), new_context())


def locations(module: ir.Module) -> list[str]:
    block = main_function(module).operation.regions[0].blocks[0]
    return [op.location.name_str for op in block.operations if op.operation.name not in ("qd.constant", "func.return")]


def test_layers_are_named_by_their_modules() -> None:
    network = nn.Sequential(Block(), nn.Sequential(Block()))
    assert locations(prepared(imported(network))) == [
        *("0.conv", "0.relu", "0.add", "0.relu_1"),
        *("1.0.conv", "1.0.relu", "1.0.add", "1.0.relu_1"),
    ]


def test_a_module_with_the_name_of_an_input_is_numbered() -> None:
    network = nn.Sequential(OrderedDict(input=nn.Conv2d(4, 4, 1), relu=nn.ReLU()))
    module = prepared(imported(network))
    assert boundary_names(main_function(module))[0] == ["input"]
    assert locations(module) == ["input#2", "relu"]


def test_boundary_names() -> None:
    module = prepared(imported(Block()))  # which holds what the function is in
    assert boundary_names(main_function(module)) == (["image"], ["output"])


def test_training_mode_is_given_back_module_by_module() -> None:
    network = nn.Sequential(Block(), Block().eval())
    network.train()
    network[1].eval()
    before = {name: module.training for name, module in network.named_modules()}
    assert operations(prepared(imported(network))) == ["conv2d", "clamp", "add", "clamp"] * 2
    assert {name: module.training for name, module in network.named_modules()} == before


def test_weights_are_not_touched() -> None:
    network = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    prepared(imported(network))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_any_batch_becomes_one() -> None:
    module = prepared(imported(Block().eval(), 7, 4, 5, 5))
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 5)).astype(np.float32)
    torch.manual_seed(0)
    block = Block().eval()
    module = prepared(imported(block, 7, 4, 5, 5))
    assert_close(outputs(module, x), [block(torch.from_numpy(x)).detach().numpy()], 1e-6)


def test_shared_weights_are_one_constant() -> None:
    layer = nn.Conv2d(4, 4, 1)
    assert str(prepared(imported(nn.Sequential(layer, layer)))).count("tensor<4x4x1x1xf32>} ") == 1


def test_half_precision_modules_are_float32() -> None:
    network = nn.Sequential(nn.Linear(4, 2)).to(torch.bfloat16)
    module = import_torch(network, (torch.zeros(1, 4, dtype=torch.bfloat16),), new_context())
    assert "bf16" not in str(prepared(module))


def test_a_constant_of_bools_verifies() -> None:
    """Whoever imports runs passes behind, which verify what they are given."""

    class Causal(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            lower = torch.ones(3, 3, dtype=torch.bool).tril()
            return torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=lower)

    with new_context():
        assert import_torch(Causal(), (torch.zeros(1, 3, 4),), ir.Context.current).operation.verify()


class Written(nn.Module):
    """forward(x) as given, on a convolution `c`."""

    def __init__(self, forward: Callable[[Any, torch.Tensor], Any]) -> None:
        super().__init__()
        self.c, self.relu = nn.Conv2d(4, 3, 3), nn.ReLU(inplace=True)
        self.calls: torch.Tensor
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("order", torch.tensor([2, 0, 1, 3]), persistent=False)
        self.register_buffer("shift", torch.randn(4, 1, 1), persistent=False)
        self.token = nn.Parameter(torch.randn(1, 2, 5, 5))
        self.f = forward

    def forward(self, x: torch.Tensor) -> Any:
        return self.f(self, x)


def counted(s: Any, x: torch.Tensor) -> torch.Tensor:
    s.calls += 1
    return s.c(x)


@pytest.mark.parametrize(
    "forward",
    [
        lambda s, x: s.c(x.sub_(0.5)),
        lambda s, x: s.c(s.relu(x)),
        counted,
        lambda s, x: s.c(x[:, s.order] + s.shift),
        lambda s, x: (s.c(x), None)[:1],
        lambda s, x: s.c(torch.cat([s.token, x[:, :2]], 1)),
    ],
)
def test_one_result_is_one_output(forward: Callable[[Any, torch.Tensor], Any]) -> None:
    """Whatever forward writes into on its way, and whatever it joins."""
    network = Written(forward).eval()
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 5)).astype(np.float32)
    example = torch.ones(1, 4, 5, 5)
    module = prepared(import_torch(network, (example,), new_context()))
    assert network.calls.item() == 0 and bool((example == 1).all())
    wanted = network(torch.from_numpy(x.copy()))
    assert_close(outputs(module, x), [(wanted[0] if isinstance(wanted, tuple) else wanted).detach().numpy()], 1e-6)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_modules_of_other_precision_are_computed_in_float32_and_left_alone(kind: torch.dtype) -> None:
    network = nn.Sequential(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3), nn.ReLU()).to(kind).eval()
    module = prepared(import_torch(network, (torch.zeros(1, 4, 5, 5, dtype=kind),), new_context()))
    assert {each.dtype for each in network.parameters()} == {kind}
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 5)).astype(np.float32)
    wanted = copy.deepcopy(network).float()(torch.from_numpy(x)).detach().numpy()
    assert_close(outputs(module, x), [wanted], 1e-5)


def test_not_finite_weights_are_counted_and_named() -> None:
    block, norm = Block(), nn.BatchNorm2d(4)
    assert norm.running_var is not None
    with torch.no_grad():
        block.conv.weight[0, 0] = float("nan")
        norm.running_var[1] = float("inf")
    with pytest.raises(ModelError) as caught:
        imported(nn.Sequential(block, norm))
    assert '"0.conv.weight" contains 9 NaN values' in str(caught.value)
    assert '"1.running_var" contains 1 infinite values' in str(caught.value)


def test_a_module_that_cannot_be_traced(capfd: pytest.CaptureFixture[str]) -> None:
    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(ModelError, match=r"Branches cannot be traced .* it branches .* \(test_torch.py, line \d+\); "):
        imported(Branches())
    said = capfd.readouterr()
    assert not said.out and not said.err


def test_a_module_that_always_answers_the_same() -> None:
    class Same(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ones(1, 3) * 2

    with pytest.raises(ModelError, match="does not depend on its input: there is nothing to compile"):
        imported(Same())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.to("meta"), "on the device meta, without numbers: load its weights first"),
        (lambda m: torch.jit.trace(m, torch.zeros(1, 3, 5, 5)), "is TorchScript, which torch.export does not read"),
        (lambda m: m.half(), r"see that it runs, module\(\*example_inputs\)"),
    ],
    ids=["meta", "script", "half"],
)
def test_modules_that_torch_export_does_not_read(change: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        imported(change(nn.Conv2d(3, 2, 3).eval()), 1, 3, 5, 5)


def test_the_module_of_an_exported_program_is_one() -> None:
    program = torch.export.export(nn.Conv2d(3, 2, 3).eval(), (torch.zeros(1, 3, 5, 5),))
    assert "conv2d" in str(imported(program.module(), 1, 3, 5, 5))


def test_examples_that_do_not_fit() -> None:
    with pytest.raises(ModelError, match="cannot be traced"):
        imported(Block(), 1, 3, 5, 5)


@pytest.mark.parametrize(
    "examples", [(), (1.0,), (torch.tensor(1.0),), (torch.zeros(1, 3, device="meta"),), (torch.eye(3).to_sparse(),)]
)
def test_examples_that_are_no_images(examples: Any) -> None:
    with pytest.raises(UsageError, match=r"batch dimension|a dense one is needed"):
        import_torch(Block(), examples, new_context())
