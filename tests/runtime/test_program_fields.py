"""What files say of programs, and which readers understand it."""

import json
from dataclasses import replace

from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cpu.program import CpuProgram, Entry
from dyadic.runtime.program_fields import LATER, format_of


def test_files_say_the_oldest_format_that_has_their_fields(write, identity) -> None:
    """So that older readers take what says nothing new, and say of the rest that it is of a later version."""
    program = identity(3, 4, 4, pixel=4, dtype="uint8")
    marked = replace(program, inputs=(replace(program.inputs[0], mark=255),))
    for one, format_, more in ((program, 4, set()), (marked, 5, {"mark"})):
        path = write(one)
        assert path.read_bytes()[7] == format_
        with open_artifact(path) as file:
            assert file.program.inputs == one.inputs
        text = path.read_bytes()[48:]
        header = json.loads(text[: int.from_bytes(path.read_bytes()[8:16], "little")])
        assert {name for name in header["programs"][0]["inputs"][0] if name in LATER} == more


def test_names_in_a_program_are_no_fields(identity) -> None:
    program: CpuProgram = identity(3, 4, 4)
    named = replace(program, entries={"x86-64": {name: Entry(0, 1, (name,)) for name in LATER}})
    assert format_of(named) == format_of([program]) == 4
    assert CpuProgram.from_json(named.to_json()) == named
