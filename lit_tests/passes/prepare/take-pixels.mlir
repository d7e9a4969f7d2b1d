// RUN: dyadic-opt -p take-pixels %s | filecheck %s

// CHECK-LABEL: func.func @an_input_becomes_pixels_in_another_layout
// CHECK-SAME:    (%[[P:.+]]: tensor<1x2x4x3xf32> {qd.dtype = "uint8", qd.given = array<f64: 1.000000e+00, 0.000000e+00, 8.000000e+00>, qd.name = "x", qd.pixels = 1 : i64}, %[[Z:.+]]: tensor<1x2xf32>
// CHECK-NEXT:    %[[T:.+]] = "qd.transpose"(%[[P]]) {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x2x4x3xf32>) -> tensor<1x3x2x4xf32>
// CHECK:         %[[A:.+]] = "qd.constant"() {value = dense<[2.500000e-01, 5.000000e-01, 1.000000e+00]>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[-1.000000e+00, 0.000000e+00, 2.000000e+00]>
// CHECK-NEXT:    %[[X:.+]] = "qd.scale_shift"(%[[T]], %[[A]], %[[B]]) {axis = 1 : i64}
// CHECK-NEXT:    %[[R:.+]] = "qd.tanh"(%[[X]])
// CHECK-NEXT:    return %[[R]], %[[Z]]
func.func @an_input_becomes_pixels_in_another_layout(%x: tensor<1x3x2x4xf32> {qd.name = "x", qd.normalize = {axis = 1 : i64, order = array<i64: 0, 3, 1, 2>, scale = array<f64: 0.25, 0.5, 1.0>, shift = array<f64: -1.0, 0.0, 2.0>}}, %z: tensor<1x2xf32> {qd.name = "z"}) -> (tensor<1x3x2x4xf32>, tensor<1x2xf32>) {
  %0 = "qd.tanh"(%x) : (tensor<1x3x2x4xf32>) -> tensor<1x3x2x4xf32>
  return %0, %z : tensor<1x3x2x4xf32>, tensor<1x2xf32>
}

// CHECK-LABEL: func.func @others_stay
// CHECK-SAME:    (%[[X:.+]]: tensor<1x3x2x4xf32> {qd.name = "x"})
// CHECK-NEXT:    %[[R:.+]] = "qd.tanh"(%[[X]])
// CHECK-NEXT:    return %[[R]]
func.func @others_stay(%x: tensor<1x3x2x4xf32> {qd.name = "x"}) -> tensor<1x3x2x4xf32> {
  %0 = "qd.tanh"(%x) : (tensor<1x3x2x4xf32>) -> tensor<1x3x2x4xf32>
  return %0 : tensor<1x3x2x4xf32>
}
