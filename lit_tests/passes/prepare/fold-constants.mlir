// RUN: dyadic-opt -p fold-constants %s | filecheck %s

// CHECK-LABEL: func.func @what_only_moves_constants_is_a_constant
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}3.000000e+00, 4.000000e+00]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2xf32>
func.func @what_only_moves_constants_is_a_constant() -> tensor<1x2xf32> {
  %a = "qd.constant"() {value = dense<[[[1.0, 2.0], [3.0, 4.0]]]> : tensor<1x2x2xf32>} : () -> tensor<1x2x2xf32>
  %0 = "qd.transpose"(%a) {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x2x2xf32>) -> tensor<1x4xf32>
  %2 = "qd.slice"(%1) {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>} : (tensor<1x4xf32>) -> tensor<1x2xf32>
  return %2 : tensor<1x2xf32>
}

// ((1 + 10) * 1 - 10) * 2 + 1 = 3, ((2 + 20) * 2 - 20) * 2 + 1 = 49, at most 40
// CHECK-LABEL: func.func @arithmetic_on_constants_is_a_constant
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}3.000000e+00, 4.000000e+01]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2xf32>
func.func @arithmetic_on_constants_is_a_constant() -> tensor<1x2xf32> {
  %a = "qd.constant"() {value = dense<[[1.0, 2.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<[[10.0, 20.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %s = "qd.constant"() {value = dense<2.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.add"(%a, %b) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = "qd.mul"(%0, %a) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %2 = "qd.sub"(%1, %b) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %3 = "qd.scale_shift"(%2, %s, %h) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %4 = "qd.clamp"(%3) {low = 0.0 : f32, high = 40.0 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  return %4 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_concat_of_constants_is_a_constant
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x4xf32>
func.func @a_concat_of_constants_is_a_constant() -> tensor<1x4xf32> {
  %a = "qd.constant"() {value = dense<[[1.0, 2.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<[[3.0, 4.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %0 = "qd.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @what_depends_on_the_input_stays
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}1.000000e+00, 2.000000e+00]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.add"(%arg0, %[[A]]) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x2xf32>
func.func @what_depends_on_the_input_stays(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %a = "qd.constant"() {value = dense<[[1.0, 2.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %0 = "qd.add"(%x, %a) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
