"""What a text of preprocessing makes of pixels, and what is said of texts that make nothing."""

import numpy as np
import pytest

from dyadic.runtime.errors import ArtifactError, UsageError
from dyadic.runtime.pictures import Pictures
from dyadic.runtime.preprocess import Target, parse, recorded

CHW = Target("x", 3, 224, 224, "nchw")
PIXEL = np.array([[[[255, 0, 51]]]], np.uint8)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("torchvision", [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]),
        ("tf", [1, -1, 51 / 127.5 - 1]),
        ("caffe", [51 - 103.939, 0 - 116.779, 255 - 123.68]),
        ("unit", [1, 0, 0.2]),
        ("tf,scale=1,mean=10,std=2", [122.5, -5, 20.5]),
    ],
)
def test_presets_are_what_their_names_say(text: str, right: list[float]) -> None:
    target = Target("x", 3, 1, 1, "nchw")
    seen = Pictures(target, parse(text, target)).finished(PIXEL)
    assert seen.dtype == np.float32 and seen.shape == (1, 3, 1, 1)
    np.testing.assert_allclose(seen[0, :, 0, 0], right, rtol=1e-6, atol=1e-6)


def test_sizes_follow_the_model_and_a_text_overrides_a_preset() -> None:
    assert parse("torchvision", CHW).resize == 256 and parse("torchvision", CHW).crop == (224, 224)
    assert parse("torchvision, RESIZE=232", CHW).resize == 232
    small = parse("unit", Target("x", 1, 28, 28, "nhwc"))
    assert (small.resize, small.crop, small.channels, small.layout) == (28, (28, 28), "gray", "nhwc")


@pytest.mark.parametrize("text", ["torchvision", "caffe,resize=300x280", "scale=0.017,mean=1/2/3,resize=none"])
def test_what_is_recorded_is_what_was_applied(text: str) -> None:
    made = parse(text, CHW)
    assert recorded({"text": str(made)}, CHW) == made
    low, high = made.limits
    ends = np.stack([made.normalized(np.full((1, 1, 1, 3), v, np.uint8)).reshape(3) for v in (0, 255)])
    np.testing.assert_allclose([low, high], ends, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("imagenet", "has 'imagenet': give torchvision, tf, caffe or unit"),
        ("torchvison", "has 'torchvison': .*; did you mean torchvision"),
        ("tf,resise=3", "has 'resise=3': .*; did you mean resize"),
        ("", "has an empty part"),
        ("torchvision,", "has an empty part"),
        ("mean=0.5,tf", "has 'tf': .*a preset comes first"),
        ("resize=big", "resize=big is no size"),
        ("resize=0", "resize=0 is no size"),
        ("resize=99999999", "is no size"),
        ("crop=32", "crop=32x32 makes 32x32 pixels, but .* reads 224x224"),
        ("resize=200", "makes images smaller than"),
        ("resize=100x300", "makes images smaller than"),
        ("scale=1/0", "scale=1/0 is no number"),
        ("scale=1e999999999", "is no number"),
        ("scale=nan", "is no number"),
        ("mean=a/b/c", "mean=a/b/c is no number"),
        ("mean=inf", "mean=inf is no number"),
        ("mean=1/2", "mean has 2 numbers, but .* reads 3 channels"),
        ("std=0", "std=0 would divide by zero"),
        ("channels=rbg", "channels=rbg is none of rgb, bgr, gray"),
        ("channels=gray", "channels=gray, but .* reads 3 channels"),
        ("layout=nhwc", "layout=nhwc, but .* is nchw: leave layout out"),
        ("layout=hwc", "layout=hwc is none of nchw, nhwc"),
        ("interpolation=linear", "interpolation=linear is none of"),
    ],
)
def test_other_texts_are_answered_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"--preprocess.*{said}"):
        parse(text, CHW)


def test_a_damaged_record_is_the_artifacts_fault() -> None:
    for said in (None, {}, {"text": 3}, {"text": "torchvision,crop=2"}):
        with pytest.raises(ArtifactError, match="record of its preprocessing is damaged"):
            recorded(said, CHW)
