"""What the compiler makes of the small zoo is what is recorded, and a replay says what differs."""

import copy
import json
from typing import Any

import pytest
from support.effort import slow

from benchmarks.replay import __main__ as command
from benchmarks.replay import record, zoo
from benchmarks.replay.difference import differences, notes
from dyadic.dialects.qi import QI
from dyadic.runtime.errors import ModelError

AGAIN = (
    "if that is on purpose: python -m benchmarks.replay --small -o benchmarks/replay/small.json; the commit says why"
)


def one(**changed: Any) -> dict[str, Any]:
    """A record of one network."""
    sections: dict[str, Any] = {
        "integer graph": {"each": ["aa the function", "bb conv1", "cc relu1"]},
        "code": {"avx2": "11", "each": ["dd kernel 0, conv of conv1"]},
        "answers": {"batch 1, 1 threads": "22"},
    }
    versions = {"llvmlite": "0.50", "torch-mlir": "1", "torch": "2"}
    machine = {"level": "avx2", "processor": "p 1", "float vectors": "AVX2"}
    return {"versions": versions, "machine": machine, "learned": [], "networks": {"net": sections | changed}}


QUICK = ["digits int8"]  # `.ci/run` replays all of them


@pytest.mark.parametrize("name", [*QUICK, *slow(name for name in zoo.small() if name not in QUICK)])
def test_the_small_zoo_is_as_recorded(name: str) -> None:
    made, before = command.replay({name: zoo.small()[name]}), json.loads(command.RECORDED.read_text())
    before["networks"] = {name: before["networks"][name]}
    found = differences(before, made)
    assert not found, "\n".join([*notes(before, made), *found, AGAIN])


def test_equal_records_do_not_differ() -> None:
    assert differences(one(), one()) == []
    assert notes(one(), one()) == []


def test_what_differs_is_named() -> None:
    after = one(
        **{
            "integer graph": {"each": ["aa the function", "b2 conv1", "cc relu1", "ee fc"]},
            "code": {"avx2": "12", "each": ["d2 kernel 0, conv of conv1"]},
            "answers": {"batch 1, 1 threads": "23"},
        }
    )
    assert differences(one(), after) == [
        "net: integer graph differs in #1 (conv1), #3 (nothing -> fc), 4 where there were 3",
        "net: code differs in avx2, #0 (kernel 0, conv of conv1)",
        "net: answers differs in batch 1, 1 threads",
    ]


def test_networks_that_fail_or_are_missing_differ() -> None:
    broken, empty = one(), one()
    broken["networks"]["net"] = {"failed": "ModelError: no"}
    empty["networks"] = {}
    assert differences(one(), broken) == ["net: failed: ModelError: no"]
    assert differences(broken, one()) == ["net: compiles now; before: ModelError: no"]
    assert differences(one(), empty) == ["net: not compiled this time"]
    assert differences(empty, one()) == ["net: not in the record"]


def test_code_of_another_llvm_is_not_compared() -> None:
    after = one(code={"avx2": "12", "each": ["d2 kernel 0, conv of conv1"]})
    after["versions"]["llvmlite"], after["machine"]["level"] = "0.51", "amx"
    assert differences(one(), after) == []
    assert len(notes(one(), after)) == 3 and notes(one(), after)[2].startswith("CODE WAS NOT COMPARED")
    after = copy.deepcopy(after)
    after["versions"]["llvmlite"] = "0.50"
    assert differences(one(), after) == ["net: code differs in avx2, #0 (kernel 0, conv of conv1)"]


def test_what_is_learned_is_not_compared_with_another_processor() -> None:
    after = one(answers={"batch 1, 1 threads": "23"}, program={"together": "44"})
    after["machine"]["processor"] = "p 2"
    assert len(differences(one(), after)) == 2
    assert notes(one(), after) == ["processor is p 2, the record was made with p 1"]
    after["learned"] = ["net"]
    assert differences(one(), after) == ["net: program differs in together"]
    assert notes(one(), after)[1].startswith("OF 1 NETWORKS ONLY PROGRAM AND CODE")
    after["machine"]["processor"] = "p 1"
    assert len(differences(one(), after)) == 2


def test_learned_is_what_has_few_bits() -> None:
    learned = {name.partition(" ")[2] for name, case in zoo.small().items() if case.learned}
    assert learned == {"w4a8", "w4a4", "w4g32a8", "w2a8", "islands", "kept", "0.7x"}


def test_a_network_that_fails_is_named_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(case: zoo.Case) -> dict[str, Any]:
        if case.options:
            raise ModelError("the layer is odd")
        return {}

    monkeypatch.setattr(record, "of", of)
    cases = {"a": zoo.Case(zoo.digits, {"precision": "w4a8"}), "b": zoo.Case(zoo.digits)}
    assert command.replay(cases)["networks"] == {"a": {"failed": "ModelError: the layer is odd"}, "b": {}}


def test_a_kernel_is_the_same_wherever_it_lies() -> None:
    """mov eax, [rip + distance]; ret: the constant counts, the distance does not."""

    def image(gap: int, constant: int) -> bytes:
        return b"\x8b\x05" + (1 + gap).to_bytes(4, "little") + b"\xc3" + bytes(gap) + constant.to_bytes(4, "little")

    kernel = record.in_place(image(0, 5), 0, 7)
    assert kernel == record.in_place(image(9, 5), 0, 7) == record.in_place(b"\x90" * 3 + image(9, 5), 3, 7)
    assert kernel != record.in_place(image(0, 6), 0, 7)


def test_the_small_zoo_has_every_integer_operator() -> None:
    networks = json.loads(command.RECORDED.read_text())["networks"].values()
    seen = {line.rpartition(" ")[2] for network in networks for line in network["integer graph"]["each"]}
    assert not {op.OPERATION_NAME for op in QI.operations} - seen - {"qi.launch"}, "a launch is what lowering makes"
