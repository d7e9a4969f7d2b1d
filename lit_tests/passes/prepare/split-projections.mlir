// RUN: dyadic-opt -p split-projections %s | filecheck %s

// CHECK-LABEL: func.func @a_slice_of_the_outputs
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {value = dense<{{\[\[}}5.000000e+00, 6.000000e+00], [7.000000e+00, 8.000000e+00]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[3.000000e+01, 4.000000e+01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[L:.+]] = "qd.linear"(%arg0, %[[W]], %[[B]]) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[L]] : tensor<1x3x2xf32>
func.func @a_slice_of_the_outputs(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %0 = "qd.slice"(%l) {starts = array<i64: 0, 0, 2>, steps = array<i64: 1, 1, 1>} : (tensor<1x3x4xf32>) -> tensor<1x3x2xf32>
  %r = "qd.reshape"(%0) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %0 : tensor<1x3x2xf32>
}

// The second of two parts of two heads, as [2, 1, 2, 3, 1]: every other output.
// CHECK-LABEL: func.func @behind_a_reshape_and_a_transpose
// CHECK:         %[[B:.+]] = "qd.constant"() {value = dense<[2.000000e+01, 4.000000e+01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[L:.+]] = "qd.linear"(%arg0, {{.*}}, %[[B]]) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
// CHECK-NOT:     "qd.slice"
func.func @behind_a_reshape_and_a_transpose(%x: tensor<1x3x2xf32>) -> tensor<1x2x3x1xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %r = "qd.reshape"(%l) : (tensor<1x3x4xf32>) -> tensor<1x3x2x2x1xf32>
  %t = "qd.transpose"(%r) {permutation = array<i64: 0, 3, 2, 1, 4>} : (tensor<1x3x2x2x1xf32>) -> tensor<1x2x2x3x1xf32>
  %u = "qd.reshape"(%t) : (tensor<1x2x2x3x1xf32>) -> tensor<1x1x2x2x3x1xf32>
  %0 = "qd.slice"(%u) {starts = array<i64: 0, 0, 1, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1, 1, 1>} : (tensor<1x1x2x2x3x1xf32>) -> tensor<1x1x1x2x3x1xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x1x1x2x3x1xf32>) -> tensor<1x2x3x1xf32>
  return %1 : tensor<1x2x3x1xf32>
}

// CHECK-LABEL: func.func @a_slice_of_tokens_stays
// CHECK:         qd.linear
// CHECK-NEXT:    qd.slice
func.func @a_slice_of_tokens_stays(%x: tensor<1x3x2xf32>) -> tensor<1x1x4xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %0 = "qd.slice"(%l) {starts = array<i64: 0, 1, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x3x4xf32>) -> tensor<1x1x4xf32>
  return %0 : tensor<1x1x4xf32>
}
