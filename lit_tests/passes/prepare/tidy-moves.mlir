// RUN: dyadic-opt -p tidy-moves %s | filecheck %s

// CHECK-LABEL: func.func @heads_with_dimensions_of_one_between
// CHECK-NEXT:    %[[A:.+]] = "qd.reshape"(%arg0) : (tensor<1x3x8xf32>) -> tensor<1x3x2x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.transpose"(%[[A]]) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x3x2x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x2x3x4xf32>
func.func @heads_with_dimensions_of_one_between(%x: tensor<1x3x8xf32>) -> tensor<1x2x3x4xf32> {
  %0 = "qd.reshape"(%x) : (tensor<1x3x8xf32>) -> tensor<1x1x3x1x2x4xf32>
  %1 = "qd.transpose"(%0) {permutation = array<i64: 0, 3, 1, 4, 2, 5>} : (tensor<1x1x3x1x2x4xf32>) -> tensor<1x1x1x2x3x4xf32>
  %2 = "qd.reshape"(%1) : (tensor<1x1x1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  return %2 : tensor<1x2x3x4xf32>
}

// CHECK-LABEL: func.func @a_linear_layer_of_rows
// CHECK:         %[[A:.+]] = "qd.linear"(%arg0, {{.*}}) : (tensor<1x3x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.reshape"(%[[A]]) : (tensor<1x3x1xf32>) -> tensor<1x3x1x1xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x3x1x1xf32>
func.func @a_linear_layer_of_rows(%x: tensor<1x3x2xf32>) -> tensor<1x3x1x1xf32> {
  %w = "qd.constant"() {value = dense<[[2.0, 3.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<4.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.reshape"(%x) : (tensor<1x3x2xf32>) -> tensor<1x3x1x2xf32>
  %1 = "qd.linear"(%0, %w, %b) : (tensor<1x3x1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x3x1x1xf32>
  return %1 : tensor<1x3x1x1xf32>
}

// CHECK-LABEL: func.func @a_transpose_alone_stays
// CHECK-NEXT:    %[[A:.+]] = "qd.transpose"(%arg0) {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x3x1x2xf32>) -> tensor<1x2x3x1xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x1xf32>
func.func @a_transpose_alone_stays(%x: tensor<1x3x1x2xf32>) -> tensor<1x2x3x1xf32> {
  %0 = "qd.transpose"(%x) {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x3x1x2xf32>) -> tensor<1x2x3x1xf32>
  return %0 : tensor<1x2x3x1xf32>
}
