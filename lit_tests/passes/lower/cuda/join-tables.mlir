// RUN: dyadic-opt -p join-tables %s | filecheck %s

// A function of bytes that alone reads a layer, or a convolution of single channels, is the layer's; one of a result that
// others read, too, is not.
// CHECK-LABEL: func.func @main
// CHECK:         %[[A:.*]] = "qi.linear"
// CHECK-NEXT:    %[[B:.*]] = "qi.table"(%[[A]]) {qi.joined,
// CHECK:         %[[C:.*]] = "qi.linear"(%[[B]]
// CHECK-NEXT:    "qi.table"(%[[C]]) {table
// CHECK:         %[[D:.*]] = "qi.conv2d"
// CHECK-NEXT:    "qi.table"(%[[D]]) {qi.joined, table
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>
func.func @main(%x: tensor<1x2x2x4x!q>) -> (tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>) {
  %w = "qi.constant"() {value = dense<1> : tensor<4x4xi8>} : () -> tensor<4x4x!w>
  %d = "qi.constant"() {value = dense<1> : tensor<4x1x1x1xi8>} : () -> tensor<4x1x1x1x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %1 = "qi.linear"(%x, %w, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x4x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %2 = "qi.table"(%1) {table = dense<5> : tensor<256xi8>} : (tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  %3 = "qi.linear"(%2, %w, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x4x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %4 = "qi.table"(%3) {table = dense<5> : tensor<256xi8>} : (tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  %5 = "qi.conv2d"(%3, %d, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 4 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x1x1x1x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %6 = "qi.table"(%5) {table = dense<5> : tensor<256xi8>} : (tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  return %2, %4, %6 : tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>
}
