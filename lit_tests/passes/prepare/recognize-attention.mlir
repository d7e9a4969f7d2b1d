// RUN: dyadic-opt -p recognize-attention %s | filecheck %s

// A k that comes transposed for the product is taken as it was.
// CHECK-LABEL: func.func @one_scale_behind_the_product
// CHECK:         %[[K:.+]] = "qd.transpose"(%arg1) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x3x2x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK:         %[[A:.+]] = "qd.attention"(%arg0, %[[K]], %arg2, {{.*}}) {scale = 5.000000e-01 : f64} : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x4xf32>
func.func @one_scale_behind_the_product(%q: tensor<1x2x3x4xf32>, %k: tensor<1x3x2x4xf32>, %v: tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %half = "qd.constant"() {value = dense<0.5> : tensor<2xf32>} : () -> tensor<2xf32>
  %t = "qd.transpose"(%k) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x3x2x4xf32>) -> tensor<1x2x4x3xf32>
  %0 = "qd.matmul"(%q, %t) : (tensor<1x2x3x4xf32>, tensor<1x2x4x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.scale_shift"(%0, %half, %zero) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %2 = "qd.softmax"(%1) {axis = 3 : i64} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %3 = "qd.matmul"(%2, %v) : (tensor<1x2x3x3xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  return %3 : tensor<1x2x3x4xf32>
}

// CHECK-LABEL: func.func @a_scale_split_over_both
// CHECK:         %[[Q:.+]] = "qd.reshape"(%arg0) : (tensor<1x24xf32>) -> tensor<1x2x3x4xf32>
// CHECK:         %[[A:.+]] = "qd.attention"(%[[Q]], %arg1, %arg2, {{.*}}) {scale = 2.500000e-01 : f64}
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x4xf32>
func.func @a_scale_split_over_both(%q: tensor<1x24xf32>, %k: tensor<1x2x3x4xf32>, %v: tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32> {
  %zeros = "qd.constant"() {value = dense<0.0> : tensor<24xf32>} : () -> tensor<24xf32>
  %halves = "qd.constant"() {value = dense<0.5> : tensor<24xf32>} : () -> tensor<24xf32>
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %half = "qd.constant"() {value = dense<0.5> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%q, %halves, %zeros) {axis = 1 : i64} : (tensor<1x24xf32>, tensor<24xf32>, tensor<24xf32>) -> tensor<1x24xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x24xf32>) -> tensor<1x2x3x4xf32>
  %2 = "qd.scale_shift"(%k, %half, %zero) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
  %3 = "qd.transpose"(%2) {permutation = array<i64: 0, 1, 3, 2>} : (tensor<1x2x3x4xf32>) -> tensor<1x2x4x3xf32>
  %4 = "qd.matmul"(%1, %3) : (tensor<1x2x3x4xf32>, tensor<1x2x4x3xf32>) -> tensor<1x2x3x3xf32>
  %5 = "qd.softmax"(%4) {axis = 3 : i64} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %6 = "qd.matmul"(%5, %v) : (tensor<1x2x3x3xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  return %6 : tensor<1x2x3x4xf32>
}

// What is added before the scale is scaled with the scores: [2, 4, 6] / 2; one number a head is added behind it.
// CHECK-LABEL: func.func @what_is_added_is_the_bias
// CHECK:         %[[B:.+]] = "qd.constant"() {value = dense<{{\[\[\[\[}}1.100000e+01, 1.200000e+01, 1.300000e+01]], {{\[\[}}2.100000e+01, 2.200000e+01, 2.300000e+01]]]]> : tensor<1x2x1x3xf32>} : () -> tensor<1x2x1x3xf32>
// CHECK:         %[[A:.+]] = "qd.attention"(%arg0, {{.*}}, %arg2, %[[B]], {{.*}}) {scale = 5.000000e-01 : f64}
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x4xf32>
func.func @what_is_added_is_the_bias(%q: tensor<1x2x3x4xf32>, %k: tensor<1x2x4x3xf32>, %v: tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %half = "qd.constant"() {value = dense<0.5> : tensor<2xf32>} : () -> tensor<2xf32>
  %one = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %heads = "qd.constant"() {value = dense<[10.0, 20.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %bias = "qd.constant"() {value = dense<[[[[2.0, 4.0, 6.0]]]]> : tensor<1x1x1x3xf32>} : () -> tensor<1x1x1x3xf32>
  %0 = "qd.matmul"(%q, %k) : (tensor<1x2x3x4xf32>, tensor<1x2x4x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.add"(%0, %bias) : (tensor<1x2x3x3xf32>, tensor<1x1x1x3xf32>) -> tensor<1x2x3x3xf32>
  %2 = "qd.scale_shift"(%1, %half, %zero) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %3 = "qd.scale_shift"(%2, %one, %heads) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %4 = "qd.softmax"(%3) {axis = 3 : i64} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %5 = "qd.matmul"(%4, %v) : (tensor<1x2x3x3xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  return %5 : tensor<1x2x3x4xf32>
}

// CHECK-LABEL: func.func @a_mask_says_what_is_valid
// CHECK:         %[[M:.+]] = "qd.constant"() {value = dense<{{\[\[}}1.000000e+00, 1.000000e+00, 0.000000e+00]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
// CHECK:         %[[A:.+]] = "qd.attention"(%arg0, {{.*}}, %arg2, {{.*}}, %[[M]]) {scale = 1.000000e+00 : f64}
// CHECK-NEXT:    return %[[A]] : tensor<1x3x4xf32>
func.func @a_mask_says_what_is_valid(%q: tensor<1x3x4xf32>, %k: tensor<1x4x3xf32>, %v: tensor<1x3x4xf32>) -> tensor<1x3x4xf32> {
  %mask = "qd.constant"() {value = dense<[[1.0, 1.0, 0.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %0 = "qd.matmul"(%q, %k) : (tensor<1x3x4xf32>, tensor<1x4x3xf32>) -> tensor<1x3x3xf32>
  %1 = "qd.masked"(%0, %mask) : (tensor<1x3x3xf32>, tensor<1x3xf32>) -> tensor<1x3x3xf32>
  %2 = "qd.softmax"(%1) {axis = 2 : i64} : (tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %3 = "qd.matmul"(%2, %v) : (tensor<1x3x3xf32>, tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  return %3 : tensor<1x3x4xf32>
}

// CHECK-LABEL: func.func @a_softmax_of_something_else_stays
// CHECK-NEXT:    %[[A:.+]] = "qd.softmax"(%arg0) {axis = 2 : i64} : (tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.matmul"(%[[A]], %arg1) : (tensor<1x3x3xf32>, tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x3x4xf32>
func.func @a_softmax_of_something_else_stays(%s: tensor<1x3x3xf32>, %v: tensor<1x3x4xf32>) -> tensor<1x3x4xf32> {
  %0 = "qd.softmax"(%s) {axis = 2 : i64} : (tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %1 = "qd.matmul"(%0, %v) : (tensor<1x3x3xf32>, tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  return %1 : tensor<1x3x4xf32>
}

// Scores with a computed bias are taken as they are: queries, to keys that are rows of the identity.
// CHECK-LABEL: func.func @masked_scores_that_are_no_product
// CHECK:         %[[SCORES:.+]] = "qd.add"
// CHECK:         %[[ROWS:.+]] = "qd.constant"() {value = dense<{{.*}}1.000000e+00, 0.000000e+00], [0.000000e+00, 1.000000e+00]
// CHECK:         %[[A:.+]] = "qd.attention"(%[[SCORES]], %[[ROWS]], %arg2
// CHECK:         return %[[A]]
func.func @masked_scores_that_are_no_product(%x: tensor<1x3x2xf32>, %y: tensor<1x3x2xf32>, %v: tensor<1x2x4xf32>) -> tensor<1x3x4xf32> {
  %valid = "qd.constant"() {value = dense<[[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %s = "qd.add"(%x, %y) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %m = "qd.masked"(%s, %valid) : (tensor<1x3x2xf32>, tensor<3x2xf32>) -> tensor<1x3x2xf32>
  %w = "qd.softmax"(%m) {axis = 2 : i64} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %o = "qd.matmul"(%w, %v) : (tensor<1x3x2xf32>, tensor<1x2x4xf32>) -> tensor<1x3x4xf32>
  return %o : tensor<1x3x4xf32>
}
