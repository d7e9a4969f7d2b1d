// RUN: dyadic-opt -p merge-scale-shifts %s | filecheck %s

// (2x + 1) * 5 + 0.5 = 10x + 5.5, (3x - 1) * 7 + 0.25 = 21x - 6.75
// CHECK-LABEL: func.func @two_in_a_row_are_one
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<[1.000000e+01, 2.100000e+01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[5.500000e+00, -6.750000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @two_in_a_row_are_one(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %s = "qd.constant"() {value = dense<[2.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[1.0, -1.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %s2 = "qd.constant"() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h2 = "qd.constant"() {value = dense<[0.5, 0.25]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.scale_shift"(%0, %s2, %h2) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @a_number_for_all_channels_fits_any_axis
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<[1.000000e+01, 1.400000e+01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[5.500000e+00, 7.250000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x3x2xf32>
func.func @a_number_for_all_channels_fits_any_axis(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %s = "qd.constant"() {value = dense<2.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %h = "qd.constant"() {value = dense<1.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %s2 = "qd.constant"() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h2 = "qd.constant"() {value = dense<[0.5, 0.25]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s, %h) {axis = 1 : i64} : (tensor<1x3x2xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.scale_shift"(%0, %s2, %h2) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  return %1 : tensor<1x3x2xf32>
}

// CHECK-LABEL: func.func @different_axes_stay_apart
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<[2.000000e+00, 3.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.scale_shift"(%[[C]], %[[A]], %[[B]]) {axis = 2 : i64} : (tensor<1x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2xf32>
// CHECK-NEXT:    return %[[D]] : tensor<1x2x2xf32>
func.func @different_axes_stay_apart(%x: tensor<1x2x2xf32>) -> tensor<1x2x2xf32> {
  %s = "qd.constant"() {value = dense<[2.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s, %h) {axis = 1 : i64} : (tensor<1x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2xf32>
  %1 = "qd.scale_shift"(%0, %s, %h) {axis = 2 : i64} : (tensor<1x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2xf32>
  return %1 : tensor<1x2x2xf32>
}
