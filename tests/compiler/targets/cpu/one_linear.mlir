func.func @main(%x: tensor<1x4xf32> {qd.name = "x"}) -> (tensor<1x2xf32> {qd.name = "y"}) {
  %q = "qi.quantize"(%x) : (tensor<1x4xf32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<1> : tensor<2x4xi8>} : () -> tensor<2x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.5}>>
  %b = "qi.constant"() {value = dense<7> : tensor<2xi32>} : () -> tensor<2xi32>
  %y = "qi.linear"(%q, %w, %b) {
    multiplier = array<i32: 1073741824, 1073741825>, shift = array<i32: 35, 36>,
    low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -1000, 70000>
  } : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.5}>>, tensor<2xi32>)
      -> tensor<1x2x!quant.uniform<u8:f32, 0.125:9>> loc("/fc")
  %r = "qi.dequantize"(%y) : (tensor<1x2x!quant.uniform<u8:f32, 0.125:9>>) -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}
