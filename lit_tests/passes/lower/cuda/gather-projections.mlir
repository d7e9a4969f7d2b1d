// RUN: dyadic-opt -p gather-projections %s | filecheck %s

// Layers of one input come together where the first of them is, and what they read with them.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.constant"() {value = dense<2>
// CHECK-NEXT:    "qi.linear"(%arg0{{.*}}qi.together = 0 : i64
// CHECK-NEXT:    "qi.linear"(%arg0{{.*}}qi.together = 0 : i64
// CHECK-NEXT:    "qi.requant"
// CHECK-NEXT:    return
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0}>
func.func @main(%x: tensor<1x2x4x!q>, %y: tensor<1x2x32x!q>) -> (tensor<1x2x32x!q>, tensor<1x2x32x!q>, tensor<1x2x32x!q>) {
  %w = "qi.constant"() {value = dense<1> : tensor<32x4xi8>} : () -> tensor<32x4x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<32xi32>} : () -> tensor<32xi32>
  %q = "qi.linear"(%x, %w, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x4x!q>, tensor<32x4x!w>, tensor<32xi32>) -> tensor<1x2x32x!q>
  %r = "qi.requant"(%y) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x32x!q>) -> tensor<1x2x32x!q>
  %w2 = "qi.constant"() {value = dense<2> : tensor<32x4xi8>} : () -> tensor<32x4x!w>
  %k = "qi.linear"(%x, %w2, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x4x!q>, tensor<32x4x!w>, tensor<32xi32>) -> tensor<1x2x32x!q>
  return %q, %k, %r : tensor<1x2x32x!q>, tensor<1x2x32x!q>, tensor<1x2x32x!q>
}
