"""Code that would run where no sweep has looked: every way to get there is found and named by layer."""

import pytest

from dyadic.compiler.targets.cpu.code_sweep import ImageCertificate, certify_image

RET = "c3"
HIDDEN = {  # bytes after which control would be somewhere else, and what is said of them
    "lea; push; ret": ("48 8d 05 10 00 00 00  50  c3", "ret", "called from"),
    "push; ret": ("50 c3", "ret", "called from"),
    "push of a constant; ret": ("68 00 10 00 00 c3", "ret", "called from"),
    "mov [rsp], reg; ret": ("48 89 04 24 c3", "mov [rsp],rax", "overwrite"),
    "xchg [rsp]; ret": ("48 87 04 24 c3", "xchg [rsp],rax", "overwrite"),
    "inc [rsp]; ret": ("48 ff 04 24 c3", "inc qword ptr [rsp]", "overwrite"),
    "part of a vector": ("c5 fc 11 44 24 f0 c3", "vmovups [rsp-10h],ymm0", "overwrite"),
    "a far bit": ("48 0f ab 44 24 c0 c3", "bts [rsp-40h],rax", "overwrite"),
    "one byte": ("88 44 24 07 c3", "mov [rsp+7],al", "overwrite"),
    "an index": ("48 89 04 cc c3", "mov [rsp+rcx*8],rax", "overwrite"),
    "pop; push; ret": ("59 50 c3", "push rax", "overwrite"),
    "ret 8": ("c2 08 00", "ret 8", "called from"),
    "add rsp; ret": ("48 83 c4 08 c3", "ret", "called from"),
    "lea rsp; ret": ("48 8d 64 24 08 c3", "ret", "called from"),
    "aligned; ret": ("48 83 e4 c0 c3", "ret", "called from"),
    "mov rsp; ret": ("48 89 c4 c3", "mov rsp,rax", "takes the stack"),
    "mov esp; ret": ("89 c4 c3", "mov esp,eax", "takes the stack"),
    "xchg rsp; ret": ("48 94 c3", "xchg rsp,rax", "out of sight"),
    "pop rsp; ret": ("5c c3", "pop rsp", "takes the stack"),
    "leave; ret": ("c9 c3", "leave", "takes the stack"),
    "16 bits": ("66 50 c3", "push ax", "takes the stack"),
    "another register": ("48 8d 04 24 48 89 08 c3", "lea rax,[rsp]", "out of sight"),
    "a string": ("48 89 e7 f3 48 ab c3", "mov rdi,rsp", "out of sight"),
    "a vector register": ("c4 e1 f9 6e c4 c3", "vmovq xmm0,rsp", "out of sight"),
    "through memory": ("48 89 26 c3", "mov [rsi],rsp", "out of sight"),
    "the caller's frame": ("48 89 45 f8 c3", "mov [rbp-8],rax", "overwrite"),
    "the caller's rbp": ("48 89 c5 c3", "ret", "leaves rbp changed"),
    "the caller's rbp in memory": ("55 48 89 04 24 5d c3", "ret", "leaves rbp changed"),
    "the caller's rbp read elsewhere": ("55 f3 0f 7e 04 24 5d c3", "movq xmm0,[rsp]", "out of sight"),
    "the caller's rbx": ("31 db c3", "ret", "leaves rbx changed"),
    "one of two paths": ("74 01 50 c3", "ret", "called from"),
    "a loop of pushes": ("50 75 fd c3", "ret", "called from"),
    "the caller's memory": ("48 8b 44 24 10 c3", "mov rax,[rsp+10h]", "of its caller"),
    "the caller's memory in a vector": ("c5 fc 10 04 24 c3", "vmovups ymm0,[rsp]", "of its caller"),
    "far return": ("cb", "ret far", "not on the list"),
    "return from an interrupt": ("48 cf", "iretq", "not on the list"),
    "enter": ("c8 10 00 00 c9 c3", "enter 10h,0", "not on the list"),
    "jmp reg": ("ff e0", "jmp rax", "register or memory"),
    "jmp [reg]": ("ff 20", "jmp qword ptr [rax]", "register or memory"),
    "far jmp": ("48 ff 28", "jmp", "register or memory"),
    "call [rip]": ("ff 15 00 00 00 00 c3", "call", "register or memory"),
    "a prefix": ("66 c3", "ret", "processors differ"),
    "a prefix of a jump": ("66 eb 00 c3", "jmp", "processors differ"),
    "code that is written": ("48 89 05 00 00 00 00 c3", "mov [", "fixed address"),
    "a fixed address": ("48 89 04 25 00 10 00 00 c3", "mov [1000h],rax", "fixed address"),
    "the thread's own memory": ("64 48 89 04 25 00 00 00 00 c3", "mov fs:[0],rax", "thread"),
    "32 bits of address": ("67 48 89 00 c3", "mov [eax],rax", "fewer than 64"),
    "overlapping instructions": ("eb ff c0 c3", "jmp", "no kernel's instruction"),
}
CLEAN = {
    "a frame of vectors": "55 48 89 e5 41 57 53 48 83 e4 c0 48 81 ec 80 00 00 00 62 f1 7c 48 29 04 24 48 89 44 24 48"
    "48 8b 4c 24 48 48 8d 65 f0 5b 41 5f 5d c3",  # as LLVM has it: rbp, r15, rbx, zmm0, rax spilled
    "pushes and pops": "41 57 41 56 53 31 db 45 31 ff 4c 89 ff 5b 41 5e 41 5f c3",
    "the red zone": "48 89 44 24 f8 48 8b 44 24 f8 c3",
    "the last argument": "48 8b 44 24 08 c3",
    "leave": "55 48 89 e5 c9 c3",
    "two ways out": "53 74 03 5b c3 90 5b c3",
    "a loop with a saved register": "53 31 db ff c3 75 fc 5b c3",
}


def swept(text: str, more: str = "") -> ImageCertificate:
    """Of a kernel of one layer before an innocent one."""
    code, other = bytes.fromhex(text), bytes.fromhex(more or RET)
    entries = {"a": (0, len(code), ["/conv1"]), "b": (len(code), len(other), ["/conv2"])}
    return certify_image(code + other, entries)


@pytest.mark.parametrize("way", HIDDEN)
def test_control_cannot_leave_what_was_decoded(way: str) -> None:
    text, instruction, why = HIDDEN[way]
    offenders = swept(text).offenders
    assert any(one.instruction.startswith(instruction) and why in one.objection for one in offenders), offenders
    assert all(str(one).startswith('"/conv1": ') for one in offenders)


@pytest.mark.parametrize("way", CLEAN)
def test_what_compilers_do_with_the_stack_is_fine(way: str) -> None:
    assert swept(CLEAN[way]).offenders == ()


def test_a_call_finds_the_stack_as_it_left_it() -> None:
    """push rbx; call b; pop rbx; ret. With the call outside, so that it could change what was saved, too."""
    call = "e8 02 00 00 00"
    assert swept(f"53 {call} 5b c3").offenders == ()
    below = "48 89 5c 24 f8 e8 06 00 00 00 48 8b 5c 24 f8 c3"  # mov [rsp-8],rbx; call; mov rbx,[rsp-8]: it has its own
    assert [one.objection.split(",")[0] for one in swept(below).offenders] == ["leaves rbx changed"]


def test_a_tail_call_must_not_take_anything_along() -> None:
    assert swept("eb 00").offenders == ()
    (offender,) = swept("50 eb 00").offenders
    assert offender.instruction.startswith("jmp") and "called from" in offender.objection


def test_what_is_called_is_held_to_the_same() -> None:
    """The caller is innocent: whoever changes its rbp is named."""
    (offender,) = swept("55 48 89 e5 e8 02 00 00 00 c9 c3", more="31 ed c3").offenders
    assert offender.layers == ("/conv2",) and "leaves rbp changed" in offender.objection
