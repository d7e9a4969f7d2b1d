// RUN: dyadic-opt -p fit-codes %s | filecheck %s

// CHECK-LABEL: func.func @codes_are_split_over_two_inputs
// CHECK-SAME:    (%[[X:.+]]: tensor<1x2xf32> {{.*}})
// CHECK:         %[[C:.+]] = "qd.concat"(%[[X]], %[[X]]) {axis = 1 : i64, qd.given = array<f64: 5.000000e-01, 3.000000e+00, 8.000000e+00>} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[L:.+]] = "qd.linear"(%[[C]], {{.*}}) : (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1xf32>) -> tensor<1x1xf32>
// CHECK-NEXT:    return %[[L]] : tensor<1x1xf32>
func.func @codes_are_split_over_two_inputs(%x: tensor<1x2xf32> {qd.given = array<f64: 0.5, 3.0, 8.0>}) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[400.0, -4.0]]> : tensor<1x2xf32>, qd.weight_steps = dense<[[200, -2]]> : tensor<1x2xi16>, qd.weight_scale = array<f64: 2.0>, qd.weight_bits = 8 : i64} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @where_the_input_is_learned_they_are_numbers
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {value = dense<{{\[\[}}4.000000e+02, -4.000000e+00]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
// CHECK:         "qd.linear"(%arg0, %[[W]],
func.func @where_the_input_is_learned_they_are_numbers(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[400.0, -4.0]]> : tensor<1x2xf32>, qd.weight_steps = dense<[[200, -2]]> : tensor<1x2xi16>, qd.weight_scale = array<f64: 2.0>, qd.weight_bits = 8 : i64} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}
