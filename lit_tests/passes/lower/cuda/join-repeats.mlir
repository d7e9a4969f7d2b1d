// RUN: dyadic-opt -p write-copies,join-repeats %s | filecheck %s

// The copy that a layer's kernel writes is repeated there, where four pixels at most are made of one; what no layer makes
// has a launch of its own.
// CHECK-LABEL: func.func @main
// CHECK:         %[[A:.*]] = "qi.requant"({{.*}}qi.joined
// CHECK-NEXT:    "qi.repeat"(%[[A]]) {qi.joined, times
// CHECK-NEXT:    "qi.repeat"(%[[A]]) {times
// CHECK-NEXT:    %[[D:.*]] = "qi.requant"
// CHECK-NEXT:    "qi.repeat"(%[[D]]) {times
!q = !quant.uniform<u8:f32, 0.5:3>
!r = !quant.uniform<u8:f32, 0.8:7>
!w = !quant.uniform<i8<-127:127>:f32:0, {0.1, 0.1}>
func.func @main(%x: tensor<1x2x3x2x!q>) -> (tensor<1x4x6x2x!r>, tensor<1x6x6x2x!r>, tensor<1x4x6x2x!r>) {
  %w = "qi.constant"() {value = dense<[[[[100, -3]]], [[[5, 127]]]]> : tensor<2x1x1x2xi8>} : () -> tensor<2x1x1x2x!w>
  %b = "qi.constant"() {value = dense<[100, 2000]> : tensor<2xi32>} : () -> tensor<2xi32>
  %y = "qi.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, acc = array<i64: -90000, 90000>, form = "wide", multiplier = array<i32: 1518500250, 1518500250>, shift = array<i32: 38, 37>, low = 7 : i64, high = 255 : i64} : (tensor<1x2x3x2x!q>, tensor<2x1x1x2x!w>, tensor<2xi32>) -> tensor<1x2x3x2x!q>
  %a = "qi.requant"(%y) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x2x3x2x!q>) -> tensor<1x2x3x2x!r>
  %c = "qi.repeat"(%a) {times = array<i64: 1, 2, 2, 1>} : (tensor<1x2x3x2x!r>) -> tensor<1x4x6x2x!r>
  %d = "qi.repeat"(%a) {times = array<i64: 1, 3, 2, 1>} : (tensor<1x2x3x2x!r>) -> tensor<1x6x6x2x!r>
  %e = "qi.requant"(%x) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x2x3x2x!q>) -> tensor<1x2x3x2x!r>
  %f = "qi.repeat"(%e) {times = array<i64: 1, 2, 2, 1>} : (tensor<1x2x3x2x!r>) -> tensor<1x4x6x2x!r>
  return %c, %d, %f : tensor<1x4x6x2x!r>, tensor<1x6x6x2x!r>, tensor<1x4x6x2x!r>
}
