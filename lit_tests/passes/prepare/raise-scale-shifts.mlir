// RUN: dyadic-opt -p raise-scale-shifts %s | filecheck %s

// CHECK-LABEL: func.func @through_a_transpose_and_a_reshape
// CHECK:         %[[L:.+]] = "qd.linear"(%arg0
// CHECK:         %[[S:.+]] = "qd.scale_shift"(%[[L]], {{.*}}) {axis = 2 : i64} : (tensor<1x3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
// CHECK-NEXT:    %[[T:.+]] = "qd.transpose"(%[[S]]) {permutation = array<i64: 0, 2, 1>} : (tensor<1x3x4xf32>) -> tensor<1x4x3xf32>
// CHECK-NEXT:    %[[R:.+]] = "qd.reshape"(%[[T]]) : (tensor<1x4x3xf32>) -> tensor<1x4x3x1xf32>
// CHECK-NEXT:    return %[[R]] : tensor<1x4x3x1xf32>
func.func @through_a_transpose_and_a_reshape(%x: tensor<1x3x2xf32>) -> tensor<1x4x3x1xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %s = "qd.constant"() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %t = "qd.transpose"(%l) {permutation = array<i64: 0, 2, 1>} : (tensor<1x3x4xf32>) -> tensor<1x4x3xf32>
  %r = "qd.reshape"(%t) : (tensor<1x4x3xf32>) -> tensor<1x4x3x1xf32>
  %0 = "qd.scale_shift"(%r, %s, %s) {axis = 1 : i64} : (tensor<1x4x3x1xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x4x3x1xf32>
  return %0 : tensor<1x4x3x1xf32>
}

// CHECK-LABEL: func.func @the_same_for_all_elements
// CHECK:         %[[S:.+]] = "qd.constant"() {value = dense<2.000000e+00> : tensor<4xf32>} : () -> tensor<4xf32>
// CHECK:         "qd.scale_shift"(%{{.*}}, %[[S]], {{.*}}) {axis = 2 : i64} : (tensor<1x3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
// CHECK-NEXT:    qd.reshape
func.func @the_same_for_all_elements(%x: tensor<1x3x2xf32>) -> tensor<1x6x2xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %s = "qd.constant"() {value = dense<2.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %r = "qd.reshape"(%l) : (tensor<1x3x4xf32>) -> tensor<1x6x2xf32>
  %0 = "qd.scale_shift"(%r, %s, %s) {axis = 2 : i64} : (tensor<1x6x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x6x2xf32>
  return %0 : tensor<1x6x2xf32>
}

// CHECK-LABEL: func.func @of_tokens_not_of_channels
// CHECK:         qd.linear
// CHECK-NEXT:    qd.transpose
// CHECK-NEXT:    qd.scale_shift
func.func @of_tokens_not_of_channels(%x: tensor<1x3x2xf32>) -> tensor<1x4x3xf32> {
  %s = "qd.constant"() {value = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %t = "qd.transpose"(%l) {permutation = array<i64: 0, 2, 1>} : (tensor<1x3x4xf32>) -> tensor<1x4x3xf32>
  %0 = "qd.scale_shift"(%t, %s, %s) {axis = 2 : i64} : (tensor<1x4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x4x3xf32>
  return %0 : tensor<1x4x3xf32>
}

// Channels 0 and 2, 1 and 3 of the layer end in one channel each: a pixel shuffle of one row.
// CHECK-LABEL: func.func @channels_that_end_in_one
// CHECK:         %[[L:.+]] = "qd.linear"
// CHECK:         %[[S:.+]] = "qd.constant"() {value = dense<[2.000000e+00, 3.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<4xf32>} : () -> tensor<4xf32>
// CHECK:         "qd.scale_shift"(%[[L]], %[[S]], {{.*}}) {axis = 2 : i64} : (tensor<1x3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
// CHECK-NEXT:    qd.reshape
// CHECK-NEXT:    return
func.func @channels_that_end_in_one(%x: tensor<1x3x2xf32>) -> tensor<1x6x2xf32> {
  %s = "qd.constant"() {value = dense<[2.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %r = "qd.reshape"(%l) : (tensor<1x3x4xf32>) -> tensor<1x6x2xf32>
  %0 = "qd.scale_shift"(%r, %s, %s) {axis = 2 : i64} : (tensor<1x6x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x6x2xf32>
  return %0 : tensor<1x6x2xf32>
}
