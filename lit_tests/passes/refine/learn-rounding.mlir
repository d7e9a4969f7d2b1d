// RUN: dyadic-opt -p learn-rounding %s | filecheck %s

// Both inputs are one and the same: 1.4 + 1.4 is 1 + 2 rather than the 1 + 1 of the nearest steps. What is left of the
// difference goes to the scale, about 2.8 / 3.
// CHECK-LABEL: func.func @errors_of_inputs_that_go_together_make_up_for_each_other
// CHECK:         qd.weight_scale = array<f64: 0.93{{[0-9]+}}>, qd.weight_steps = dense<{{\[\[}}{{(1, 2|2, 1)}}]]> : tensor<1x2xi8>
func.func @errors_of_inputs_that_go_together_make_up_for_each_other(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[1.4, 1.4]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.weight_bits = 4 : i64, qd.weight_scale = array<f64: 1.0>, qd.weight_steps = dense<[[1, 1]]> : tensor<1x2xi8>, qd.input_moments = dense<[[[[1.0, 0.9375], [0.9375, 1.0]]]]> : tensor<1x1x2x2xf32>} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @without_data_nothing_is_learned
// CHECK:         "qd.linear"({{.*}}) {qd.weight_bits = 4 : i64} :
func.func @without_data_nothing_is_learned(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[1.4, 1.4]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.weight_bits = 4 : i64} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}
