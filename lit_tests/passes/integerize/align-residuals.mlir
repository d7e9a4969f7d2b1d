// RUN: dyadic-opt -p align-residuals %s | filecheck %s

// Steps of 63.75 / 255 beside steps of 1 are 64 / 256: nothing to do.
// CHECK-LABEL: func.func @whole_parts_stay
// CHECK:         "qd.add"({{.*}}) {qd.range = array<f64: 0.000000e+00, 2.550000e+02>, qd.takes_in = "a"}
func.func @whole_parts_stay(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: 0.0, 63.75>}) -> tensor<1x2x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.add"(%0, %x) {qd.takes_in = "a", qd.range = array<f64: 0.0, 255.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// 64.5 parts become 64: the range grows by 64.5 / 64 = 1.0078125, and that of the slice behind with it.
// CHECK-LABEL: func.func @a_result_and_what_moves_it_grow_to_whole_parts
// CHECK:         "qd.add"({{.*}}) {qd.range = array<f64: -10.078125, 246.9140625>, qd.takes_in = "b"}
// CHECK-NEXT:    "qd.slice"({{.*}}) {qd.range = array<f64: -10.078125, 246.9140625>,
func.func @a_result_and_what_moves_it_grow_to_whole_parts(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: 0.0, 64.248046875>}) -> tensor<1x1x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.add"(%x, %0) {qd.takes_in = "b", qd.range = array<f64: -10.0, 245.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = "qd.slice"(%1) {starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 1, 1>, qd.range = array<f64: -10.0, 245.0>} : (tensor<1x2x4x4xf32>) -> tensor<1x1x4x4xf32>
  return %2 : tensor<1x1x4x4xf32>
}

// An addition that takes in nothing has two multipliers of its own.
// CHECK-LABEL: func.func @an_unmarked_addition_stays
// CHECK:         "qd.add"({{.*}}) {qd.range = array<f64: 0.000000e+00, 2.550000e+02>}
func.func @an_unmarked_addition_stays(%x: tensor<1x4xf32> {qd.range = array<f64: 0.0, 64.248046875>}) -> tensor<1x4xf32> {
  %0 = "qd.add"(%x, %x) {qd.range = array<f64: 0.0, 255.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}
