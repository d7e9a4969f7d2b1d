// RUN: dyadic-opt -p search-weight-scales %s | filecheck %s

// Seven steps of 1 hold both weights exactly.
// CHECK-LABEL: func.func @exact_weights_keep_their_scale
// CHECK:         "qd.linear"({{.*}}) {qd.weight_bits = 4 : i64, qd.weight_scale = array<f64: 1.000000e+00>, qd.weight_steps = dense<{{\[\[}}7, -3]]> : tensor<1x2xi8>}
func.func @exact_weights_keep_their_scale(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[7.0, -3.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.weight_bits = 4 : i64} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// One step of 2 bits: for weights 1, 1, 1, 2 a step of 1.24 loses 0.75, a step of 2 loses 3.
// CHECK-LABEL: func.func @clipping_the_largest_weight_loses_less
// CHECK:         qd.weight_scale = array<f64: 1.24{{[0-9]*}}>, qd.weight_steps = dense<1> : tensor<1x4xi8>
func.func @clipping_the_largest_weight_loses_less(%x: tensor<1x4xf32>) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 1.0, 1.0, 2.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.weight_bits = 2 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// The same weights where the last input is the one that varies: now it is the last weight that counts.
// CHECK-LABEL: func.func @inputs_that_vary_count_more
// CHECK:         qd.weight_scale = array<f64: 2.000000e+00>
func.func @inputs_that_vary_count_more(%x: tensor<1x4xf32>) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 1.0, 1.0, 2.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.weight_bits = 2 : i64, qd.input_moments = dense<[[[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 900.0]]]]> : tensor<1x1x4x4xf32>} : (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @eight_bits_are_left_to_integerize
// CHECK:         "qd.linear"({{.*}}) {qd.weight_bits = 8 : i64} :
func.func @eight_bits_are_left_to_integerize(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[7.0, -3.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.weight_bits = 8 : i64} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @a_scale_that_is_given_stays
// CHECK:         qd.weight_scale = array<f64: 5.000000e-01>
func.func @a_scale_that_is_given_stays(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[7.0, -3.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.weight_bits = 4 : i64, qd.weight_scale = array<f64: 0.5>} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}
