// RUN: dyadic-opt -p join-tables,join-additions %s | filecheck %s

// What alone reads a layer, or the function that its kernel looks up, and adds what is there before the layer is, is the
// layer's: its result is the first operand then. Not what adds what comes later, nor to what others read, nor a second
// addition, nor one with another shape, nor one of 16 bits.
// CHECK-LABEL: func.func @main
// CHECK:         %[[A:.*]] = "qi.linear"
// CHECK-NEXT:    %[[B:.*]] = "qi.table"(%[[A]])
// CHECK-NEXT:    %[[C:.*]] = "qi.add"(%[[B]], %arg0) {high = 255 : i64, low = 0 : i64, multiplier_a = 200 : i64, multiplier_b = 100 : i64, qi.joined,
// CHECK-NEXT:    %[[D:.*]] = "qi.linear"
// CHECK-NEXT:    %[[E:.*]] = "qi.add"(%[[D]], %[[C]]) {high = 255 : i64, low = 0 : i64, multiplier_a = 100 : i64, multiplier_b = 200 : i64, qi.joined,
// CHECK-NEXT:    %[[F:.*]] = "qi.add"(%[[E]], %arg0) {high = 255 : i64, low = 0 : i64, multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift
// CHECK-NEXT:    %[[G:.*]] = "qi.linear"
// CHECK-NEXT:    %[[H:.*]] = "qi.requant"
// CHECK-NEXT:    "qi.add"(%[[G]], %[[H]]) {high = 255 : i64, low = 0 : i64, multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift
// CHECK-NEXT:    %[[I:.*]] = "qi.linear"
// CHECK-NEXT:    "qi.add"(%[[I]], %arg1) {high = 255 : i64, low = 0 : i64, multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift
// CHECK-NEXT:    %[[J:.*]] = "qi.linear"
// CHECK-NEXT:    "qi.add"(%[[J]], %arg0) {high = 255 : i64, low = 0 : i64, multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift
// CHECK-NEXT:    %[[K:.*]] = "qi.linear"
// CHECK-NEXT:    "qi.add"(%[[K]], %arg0) {high = 32767 : i64, low = -32768 : i64, multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift
!q = !quant.uniform<u8:f32, 0.5:3>
!v = !quant.uniform<i16:f32, 0.5>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>
func.func @main(%x: tensor<1x2x2x4x!q>, %y: tensor<1x1x1x4x!q>) -> (tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!v>) {
  %w = "qi.constant"() {value = dense<1> : tensor<4x4xi8>} : () -> tensor<4x4x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %1 = "qi.linear"(%x, %w, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x4x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %2 = "qi.table"(%1) {table = dense<5> : tensor<256xi8>} : (tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  %3 = "qi.add"(%x, %2) {multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift = 8 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  %4 = "qi.linear"(%3, %w, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x4x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %5 = "qi.add"(%4, %3) {multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift = 8 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  %6 = "qi.add"(%5, %x) {multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift = 8 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  %7 = "qi.linear"(%6, %w, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x4x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %8 = "qi.requant"(%6) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  %9 = "qi.add"(%7, %8) {multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift = 8 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  %10 = "qi.linear"(%9, %w, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x4x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %11 = "qi.add"(%10, %y) {multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift = 8 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x4x!q>, tensor<1x1x1x4x!q>) -> tensor<1x2x2x4x!q>
  %12 = "qi.linear"(%9, %w, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x4x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %13 = "qi.add"(%12, %x) {multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift = 8 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!q>
  %14 = "qi.linear"(%9, %w, %b) {multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = -32768 : i64, high = 32767 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x4x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!v>
  %15 = "qi.add"(%14, %x) {multiplier_a = 100 : i64, multiplier_b = 200 : i64, shift = 8 : i64, low = -32768 : i64, high = 32767 : i64} : (tensor<1x2x2x4x!v>, tensor<1x2x2x4x!q>) -> tensor<1x2x2x4x!v>
  return %6, %9, %11, %12, %13, %15 : tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>, tensor<1x2x2x4x!v>
}
