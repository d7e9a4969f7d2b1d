"""What is said of operators that have no form here: everything at once, like cases together, and what would work.

Operators of both importers are in one table of hints, by kind; whatever is in none of its rows gets a sentence by where
the operator comes from.
"""

from collections.abc import Iterable
from dataclasses import dataclass

OR_FIXED = "another axis would work, or a batch that --shape fixes"  # what else there is to computing along the batch
OF_TOKENS = (  # where any operator reads an input of whole numbers
    "it reads a mask of valid tokens; only attention and means may; an input of whole numbers that is no mask would "
    "work as float32"
)
HINTS: tuple[tuple[str, str], ...] = (
    (
        "NonMaxSuppression nms batched_nms",
        "end the model at its boxes and scores, and run it behind the artifact, in your program",
    ),
    (
        "RoiAlign MaxRoiPool roi_align roi_pool DeformConv deform_conv2d AffineGrid grid_sampler "
        "grid_sampler_2d affine_grid_generator MaxUnpool max_unpool2d",
        "it reads at places that the network computes, which kernels of integers cannot; end the model in front of it",
    ),
    (
        "Loop Scan SequenceMap LinearAttention while_loop scan",
        "loops cannot be compiled; export the model with them unrolled, at fixed sizes",
    ),
    ("If cond", "its condition depends on the input; export the model with the branch taken"),
    (
        "SequenceConstruct SequenceEmpty SequenceAt SequenceInsert SequenceErase SequenceLength SplitToSequence "
        "ConcatFromSequence Optional OptionalGetElement OptionalHasElement ReverseSequence",
        "only tensors of fixed sizes can be computed with; export the model without sequences and optional values",
    ),
    (
        "StringNormalizer StringConcat StringSplit RegexFullMatch TfIdfVectorizer LabelEncoder CategoryMapper",
        "texts are no numbers: make ids of them in front of the model",
    ),
    (
        "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Multinomial Bernoulli rand rand_like randn "
        "randn_like randint multinomial bernoulli normal normal_functional uniform dropout native_dropout",
        "its answer is another one at every run; export the model for inference, or give the noise as an input",
    ),
    (
        "NonZero Unique nonzero masked_select unique_consecutive _unique2",
        "how large its result is depends on the numbers; end the model in front of it",
    ),
    (
        "MelWeightMatrix HannWindow HammingWindow BlackmanWindow stft fft_rfft _fft_r2c ImageDecoder",
        "prepare sounds and images in front of the model: give it what this computes",
    ),
    ("Det det inverse linalg_inv linalg_svd linalg_qr linalg_solve", "matrices cannot be inverted in integers"),
    (
        "Adagrad Adam Momentum Gradient NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss nll_loss cross_entropy_loss",
        "it belongs to training; export the model for inference",
    ),
    (
        "BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitShift BitCast __lshift__ __rshift__",
        "codes here stand for numbers and have no bits of the model's own; compute bits outside of the model",
    ),
    ("Shape Size", "shapes must be known; only the batch may be open: give sizes with --shape"),
)
OF_DOMAIN: tuple[tuple[str, str], ...] = (
    ("ai.onnx.ml.", "learners that are no networks, such as trees, are not compiled"),
    ("com.microsoft.", "give the model as it was exported, before ONNX Runtime fused it"),
    ("", "it is of a domain of its own; a file of yours can teach dyadic (docs/adding-an-operator.md)"),
)
FALLBACK = "it has no form in integers here; a file of yours can teach dyadic one (docs/adding-an-operator.md)"
_BY_OPERATOR = {operator: sentence for operators, sentence in HINTS for operator in operators.split()}
MOST_LISTED = 30  # kinds of complaints


@dataclass(frozen=True)
class Complaint:
    """One use of an operator that has no form; of what is no operator, an input or an output, `operator` is empty."""

    layer: str
    operator: str
    reason: str


def hint(operator: str) -> str:
    """What would work instead of an operator that nobody has registered a function for.

    >>> hint("RoiAlign").split(",")[0]
    'it reads at places that the network computes'
    >>> hint("my.domain.Foo").split(";")[0]
    'it is of a domain of its own'
    """
    if operator in _BY_OPERATOR:
        return _BY_OPERATOR[operator]
    if "." in operator and (base := operator.split(".")[0]) in _BY_OPERATOR:  # an overload of torch's
        return _BY_OPERATOR[base]
    if "." in operator and operator[0] != "_" and not operator.islower():
        return next(sentence for domain, sentence in OF_DOMAIN if operator.startswith(domain))
    return FALLBACK


def listed(complaints: Iterable[Complaint]) -> str:
    """All of them, those that differ in the layer alone together with the first of these, in the order of the model."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in complaints:
        groups.setdefault((one.operator, one.reason), []).append(one.layer)
    count = sum(len(layers) for layers in groups.values())
    lines = []
    for (operator, reason), layers in groups.items():
        if operator:
            said = f'"{layers[0]}" ({operator})' if len(layers) == 1 else (
                f'{len(layers)} x {operator}, first "{layers[0]}"'
            )  # fmt: skip
        else:
            said = layers[0]
        lines.append(said + (f": {reason}" if reason else ""))
    if len(lines) == 1 and count == 1:
        return f"one operator of the model is not supported: {lines[0]}"
    if len(lines) > MOST_LISTED:
        lines[MOST_LISTED:] = [f"and {len(lines) - MOST_LISTED} other kinds"]
    return f"{count} operators of the model are not supported:\n  " + "\n  ".join(lines)
