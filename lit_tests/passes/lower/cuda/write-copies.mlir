// RUN: dyadic-opt -p write-copies,assign-layouts --split-input-file %s | filecheck %s

// The copy lies behind both planes of the norm's result, and its kernel is the norm's.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 64, 192, 64>
// CHECK:         "qi.layer_norm"{{.*}}qi.layout = {buffer = 1 : i64, image = 192 : i64, offset = 0 : i64, plane = 64 : i64, strides = array<i64: 24, 8, 1>}
// CHECK:         "qi.requant"{{.*}}qi.joined, qi.layout = {buffer = 1 : i64, image = 192 : i64, offset = 128 : i64, strides = array<i64: 24, 8, 1>}
func.func @main(%x: tensor<1x3x8xf32>) -> (tensor<1x3x8xf32>, tensor<1x3x8xf32>) {
  %q = "qi.quantize"(%x) : (tensor<1x3x8xf32>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>
  %g = "qi.constant"() {value = dense<100> : tensor<8xi32>} : () -> tensor<8xi32>
  %n = "qi.layer_norm"(%q, %g, %g) {epsilon = 9 : i64, shift = 5 : i64, low = -32768 : i64, high = 32767 : i64, centered = true, acc = array<i64: -10, 100>} : (tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>, tensor<8xi32>, tensor<8xi32>) -> tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>
  %c = "qi.requant"(%n) {multiplier = 1518500250 : i64, shift = 37 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>
  %s = "qi.add"(%n, %n) {multiplier_a = 1073741824 : i64, multiplier_b = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>, tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%c) : (tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>) -> tensor<1x3x8xf32>
  %t = "qi.dequantize"(%s) : (tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x8xf32>
  return %r, %t : tensor<1x3x8xf32>, tensor<1x3x8xf32>
}

// -----

// Of several copies none is written beside, and none of 16 bits.
// CHECK-LABEL: func.func @main
// CHECK-NOT:     qi.joined
func.func @main(%x: tensor<1x3x8xf32>) -> (tensor<1x3x8xf32>, tensor<1x3x8xf32>) {
  %q = "qi.quantize"(%x) : (tensor<1x3x8xf32>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>
  %g = "qi.constant"() {value = dense<100> : tensor<8xi32>} : () -> tensor<8xi32>
  %n = "qi.layer_norm"(%q, %g, %g) {epsilon = 9 : i64, shift = 5 : i64, low = -32768 : i64, high = 32767 : i64, centered = true, acc = array<i64: -10, 100>} : (tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>, tensor<8xi32>, tensor<8xi32>) -> tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>
  %c = "qi.requant"(%n) {multiplier = 1518500250 : i64, shift = 37 : i64, low = 100 : i64, high = 255 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>
  %u = "qi.requant"(%n) {multiplier = 1518500250 : i64, shift = 38 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>
  %s = "qi.requant"(%n) {multiplier = 1518500250 : i64, shift = 31 : i64, low = -32768 : i64, high = 32767 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<i16:f32, 0.002>>
  %r = "qi.dequantize"(%c) : (tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>) -> tensor<1x3x8xf32>
  %t = "qi.dequantize"(%s) : (tensor<1x3x8x!quant.uniform<i16:f32, 0.002>>) -> tensor<1x3x8xf32>
  return %r, %t : tensor<1x3x8xf32>, tensor<1x3x8xf32>
}
