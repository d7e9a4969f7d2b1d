// RUN: dyadic-opt -p skip-known-sums %s | filecheck %s

// 3 * mean(0.25 * softmax(x) + 0.75 * c) is 1 where the numbers of c sum to 1.
// CHECK-LABEL: func.func @mixed_softmaxes_over_their_sum
// CHECK:         %[[MIX:.+]] = "qd.add"
// CHECK-NOT:     "qd.mul"
// CHECK:         return %[[MIX]]
func.func @mixed_softmaxes_over_their_sum(%x: tensor<1x2x3xf32>) -> tensor<1x2x3xf32> {
  %quarter = "qd.constant"() {value = dense<0.25> : tensor<2xf32>} : () -> tensor<2xf32>
  %none = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = "qd.constant"() {value = dense<[[[0.75, 0.0, 0.0], [0.25, 0.25, 0.25]]]> : tensor<1x2x3xf32>} : () -> tensor<1x2x3xf32>
  %s = "qd.softmax"(%x) {axis = 2 : i64} : (tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  %part = "qd.scale_shift"(%s, %quarter, %none) {axis = 1 : i64} : (tensor<1x2x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3xf32>
  %mix = "qd.add"(%part, %c) : (tensor<1x2x3xf32>, tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  %three = "qd.constant"() {value = dense<3.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %1 = "qd.reduce_mean"(%mix) {axes = array<i64: 2>, keep = false} : (tensor<1x2x3xf32>) -> tensor<1x2xf32>
  %2 = "qd.scale_shift"(%1, %three, %none) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %3 = "qd.reshape"(%2) : (tensor<1x2xf32>) -> tensor<1x2x1xf32>
  %4 = "qd.reciprocal"(%3) : (tensor<1x2x1xf32>) -> tensor<1x2x1xf32>
  %5 = "qd.mul"(%mix, %4) : (tensor<1x2x3xf32>, tensor<1x2x1xf32>) -> tensor<1x2x3xf32>
  return %5 : tensor<1x2x3xf32>
}

// The columns of a softmax of rows do not sum to 1.
// CHECK-LABEL: func.func @another_axis
// CHECK:         "qd.reciprocal"
func.func @another_axis(%x: tensor<1x3x3xf32>) -> tensor<1x3x3xf32> {
  %three = "qd.constant"() {value = dense<3.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %none = "qd.constant"() {value = dense<0.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %s = "qd.softmax"(%x) {axis = 2 : i64} : (tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %1 = "qd.reduce_mean"(%s) {axes = array<i64: 1>, keep = true} : (tensor<1x3x3xf32>) -> tensor<1x1x3xf32>
  %2 = "qd.scale_shift"(%1, %three, %none) {axis = 2 : i64} : (tensor<1x1x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x1x3xf32>
  %3 = "qd.reciprocal"(%2) : (tensor<1x1x3xf32>) -> tensor<1x1x3xf32>
  %4 = "qd.mul"(%s, %3) : (tensor<1x3x3xf32>, tensor<1x1x3xf32>) -> tensor<1x3x3xf32>
  return %4 : tensor<1x3x3xf32>
}

// A third of the softmax is not 1 in all.
// CHECK-LABEL: func.func @another_sum
// CHECK:         "qd.reciprocal"
func.func @another_sum(%x: tensor<1x2x3xf32>) -> tensor<1x2x3xf32> {
  %s = "qd.softmax"(%x) {axis = 2 : i64} : (tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  %1 = "qd.reduce_mean"(%s) {axes = array<i64: 2>, keep = true} : (tensor<1x2x3xf32>) -> tensor<1x2x1xf32>
  %2 = "qd.reciprocal"(%1) : (tensor<1x2x1xf32>) -> tensor<1x2x1xf32>
  %3 = "qd.mul"(%s, %2) : (tensor<1x2x3xf32>, tensor<1x2x1xf32>) -> tensor<1x2x3xf32>
  return %3 : tensor<1x2x3xf32>
}
