// RUN: dyadic-opt -p assign-layouts,plan-memory %s | filecheck %s

// Four buffers of 64 bytes in a chain need 128: each lives while the next one is made.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.arena = array<i64: 0, 64, 0, 64, 128>
// CHECK-SAME:    qi.buffers = array<i64: 64, 64, 64, 64>
func.func @main(%x: tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
  %a = "qi.requant"(%q) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/first")
  %b = "qi.requant"(%a) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/second")
  %c = "qi.requant"(%b) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/third")
  %r = "qi.dequantize"(%c) : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4xf32>
  return %r : tensor<1x4x4x4xf32>
}
