// RUN: dyadic-opt -p correct-biases %s | filecheck %s

// CHECK-LABEL: func.func @the_mean_error_is_taken_back
// CHECK:         "qd.linear"({{.*}}) {qd.bias_shift = array<f64: -5.000000e-01, 2.500000e-01>, qd.output_error = array<f64: 5.000000e-01, -2.500000e-01>}
func.func @the_mean_error_is_taken_back(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = "qd.constant"() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.output_error = array<f64: 0.5, -0.25>} : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @without_an_error_nothing_shifts
// CHECK:         "qd.linear"(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<1x2xf32>
func.func @without_an_error_nothing_shifts(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = "qd.constant"() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.linear"(%x, %w, %b) : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
