"""Small `qd` networks with ranges, written out: 1x1 convolutions of 2 channels on images of 4x4."""

from torch_mlir import ir

RANGE = "qd.range = array<f64: -1.0, 1.0>"
IMAGE = "tensor<1x2x4x4xf32>"
CONV = (
    "{strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, "
    f"{RANGE}}} : ({IMAGE}, tensor<2x2x1x1xf32>, tensor<2xf32>) -> {IMAGE}"
)
RELU = f"{{low = 0.0 : f32, high = 0x7F800000 : f32, qd.range = array<f64: 0.0, 1.0>}} : ({IMAGE}) -> {IMAGE}"


def hand_made(body: str, result: str, kind: str = IMAGE) -> ir.Module:
    """`%x`, `%y`: images called x and y; `%w`, `%v`: weights of a 1x1 convolution; `%b`: its bias."""
    weight = "tensor<2x2x1x1xf32>"
    return ir.Module.parse(f"""
func.func @main(%x: {IMAGE} {{qd.name = "x", {RANGE}}}, %y: {IMAGE} {{qd.name = "y", {RANGE}}}) -> {kind} {{
  %w = "qd.constant"() {{value = dense<0.5> : {weight}}} : () -> {weight}
  %v = "qd.constant"() {{value = dense<0.25> : {weight}}} : () -> {weight}
  %b = "qd.constant"() {{value = dense<0.0> : tensor<2xf32>}} : () -> tensor<2xf32>
  {body}
  return %{result} : {kind}
}}""")
