// RUN: dyadic-opt -p join-norms --split-input-file %s | filecheck %s

// The kernel of a layer makes the norm of its result, which something else may read, too.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.linear_add"
// CHECK:         "qi.layer_norm"{{.*}}qi.joined
// CHECK:         "qi.requant"
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>
func.func @main(%x: tensor<1x5x4xf32>) -> (tensor<1x5x4xf32>, tensor<1x5x4xf32>) {
  %q = "qi.quantize"(%x) : (tensor<1x5x4xf32>) -> tensor<1x5x4x!q>
  %w = "qi.constant"() {value = dense<[[9, -3, 2, 5], [1, 8, -7, 0], [-6, 2, 4, 3], [2, 2, -9, 7]]> : tensor<4x4xi8>} : () -> tensor<4x4x!w>
  %b = "qi.constant"() {value = dense<[100, 2000, -300, 7]> : tensor<4xi32>} : () -> tensor<4xi32>
  %g = "qi.constant"() {value = dense<[60, 50, -70, 80]> : tensor<4xi32>} : () -> tensor<4xi32>
  %h = "qi.constant"() {value = dense<[900, 2000, -800, 70]> : tensor<4xi32>} : () -> tensor<4xi32>
  %l = "qi.linear_add"(%q, %w, %b, %q) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 34, 34, 34, 34>, residual_multiplier = array<i32: 268435456, 268435456, 268435456, 268435456>, residual_shift = 5 : i64, low = 0 : i64, high = 255 : i64, acc = array<i64: -9000, 9000>} : (tensor<1x5x4x!q>, tensor<4x4x!w>, tensor<4xi32>, tensor<1x5x4x!q>) -> tensor<1x5x4x!q>
  %n = "qi.layer_norm"(%l, %g, %h) {acc = array<i64: -900000, 900000>, centered = true, epsilon = 12 : i64, high = 255 : i64, low = 0 : i64, shift = 11 : i64} : (tensor<1x5x4x!q>, tensor<4xi32>, tensor<4xi32>) -> tensor<1x5x4x!q>
  %m = "qi.requant"(%l) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x5x4x!q>) -> tensor<1x5x4x!q>
  %r0 = "qi.dequantize"(%n) : (tensor<1x5x4x!q>) -> tensor<1x5x4xf32>
  %r1 = "qi.dequantize"(%m) : (tensor<1x5x4x!q>) -> tensor<1x5x4xf32>
  return %r0, %r1 : tensor<1x5x4xf32>, tensor<1x5x4xf32>
}

// -----

// What has been rounded again is no layer's result, so that its norm is a launch.
// CHECK-LABEL: func.func @main
// CHECK-NOT:     qi.joined
// CHECK:         return
!q = !quant.uniform<u8:f32, 0.5:3>
func.func @main(%x: tensor<1x5x4xf32>) -> tensor<1x5x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x5x4xf32>) -> tensor<1x5x4x!q>
  %g = "qi.constant"() {value = dense<60> : tensor<4xi32>} : () -> tensor<4xi32>
  %m = "qi.requant"(%q) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x5x4x!q>) -> tensor<1x5x4x!q>
  %n = "qi.layer_norm"(%m, %g, %g) {acc = array<i64: -900000, 900000>, centered = true, epsilon = 12 : i64, high = 255 : i64, low = 0 : i64, shift = 11 : i64} : (tensor<1x5x4x!q>, tensor<4xi32>, tensor<4xi32>) -> tensor<1x5x4x!q>
  %r0 = "qi.dequantize"(%n) : (tensor<1x5x4x!q>) -> tensor<1x5x4xf32>
  return %r0 : tensor<1x5x4xf32>
}
