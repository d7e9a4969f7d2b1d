"""What the types of the importers say: `!torch.vtensor<[1,3,32,32],f32>`."""

import re

from torch_mlir import ir

from dyadic.runtime.errors import ModelError


def tensor_dims(kind: ir.Type) -> list[int]:
    """The static shape of a `!torch.vtensor<[1,3,32,32],f32>`."""
    text = str(kind)
    dims = text[text.index("[") + 1 : text.index("]")]
    if "?" in dims:
        raise ModelError(f"a tensor of the model has the shape [{dims}]: give its size, only the batch may be open")
    return [int(d) for d in dims.split(",") if d]


INTEGERS = {"si64": "int64", "si32": "int32", "i1": "bool"}  # what inputs may be besides float: the user's word for it


def integer_dtype(kind: ir.Type) -> str | None:
    """The user's word for the integers of a `!torch.vtensor<[1,128],si64>`; None where it holds none that inputs may
    have."""
    text = str(kind)
    return INTEGERS.get(text[text.rindex(",") + 1 : -1]) if text.startswith("!torch.vtensor") and "," in text else None


def element_word(kind: ir.Type) -> str:
    """What a tensor of the importer holds, in the user's words: `uint8` of `!torch.vtensor<[1,8],ui8>`."""
    text = str(kind)
    if not text.startswith("!torch.vtensor") or "," not in text:
        return "no tensor"
    element = text[text.rindex(",") + 1 : -1]
    found = re.fullmatch(r"(s|u)?i(\d+)|(b?f)(\d+)", element)
    if found is None:
        return {"complex<f32>": "complex64", "complex<f64>": "complex128"}.get(element, "what is no number")
    sign, bits, floating, width = found.groups()
    if floating:
        return f"{'bfloat' if floating == 'bf' else 'float'}{width}"
    return "bool" if bits == "1" else f"{'uint' if sign == 'u' else 'int'}{bits}"


def whole_word(kind: ir.Type) -> str | None:
    """The user's word for what a tensor of whole numbers or bools holds; None where it holds others."""
    word = element_word(kind)
    return word if word == "bool" or word.startswith(("int", "uint")) else None


def is_float_tensor(kind: ir.Type) -> bool:
    """Whether it is a `!torch.vtensor` of any floating type (float32 in `qd`)."""
    text = str(kind)
    return text.startswith("!torch.vtensor") and text.endswith((",f32>", ",f16>", ",bf16>", ",f64>"))
