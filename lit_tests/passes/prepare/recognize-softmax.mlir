// RUN: dyadic-opt -p recognize-softmax %s | filecheck %s

// CHECK-LABEL: func.func @exponents_over_their_sum
// CHECK-NEXT:    %[[A:.+]] = "qd.softmax"(%arg0) {axis = 2 : i64} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x3x2xf32>
func.func @exponents_over_their_sum(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %two = "qd.constant"() {value = dense<2.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %zero = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %m = "qd.reduce_max"(%x) {axes = array<i64: 2>, keep = true} : (tensor<1x3x2xf32>) -> tensor<1x3x1xf32>
  %d = "qd.sub"(%x, %m) : (tensor<1x3x2xf32>, tensor<1x3x1xf32>) -> tensor<1x3x2xf32>
  %e = "qd.exp"(%d) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.reduce_mean"(%e) {axes = array<i64: 2>, keep = true} : (tensor<1x3x2xf32>) -> tensor<1x3x1xf32>
  %2 = "qd.scale_shift"(%1, %two, %zero) {axis = 2 : i64} : (tensor<1x3x1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
  %3 = "qd.reciprocal"(%2) : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %4 = "qd.mul"(%e, %3) : (tensor<1x3x2xf32>, tensor<1x3x1xf32>) -> tensor<1x3x2xf32>
  return %4 : tensor<1x3x2xf32>
}

// Twice the mean of three is not their sum.
// CHECK-LABEL: func.func @another_number_of_exponents
// CHECK:         "qd.exp"
func.func @another_number_of_exponents(%x: tensor<1x2x3xf32>) -> tensor<1x2x3xf32> {
  %two = "qd.constant"() {value = dense<2.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %zero = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %e = "qd.exp"(%x) : (tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  %1 = "qd.reduce_mean"(%e) {axes = array<i64: 2>, keep = true} : (tensor<1x2x3xf32>) -> tensor<1x2x1xf32>
  %2 = "qd.scale_shift"(%1, %two, %zero) {axis = 2 : i64} : (tensor<1x2x1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x2x1xf32>
  %3 = "qd.reciprocal"(%2) : (tensor<1x2x1xf32>) -> tensor<1x2x1xf32>
  %4 = "qd.mul"(%e, %3) : (tensor<1x2x3xf32>, tensor<1x2x1xf32>) -> tensor<1x2x3xf32>
  return %4 : tensor<1x2x3xf32>
}
