// RUN: dyadic-opt -p merge-clamps %s | filecheck %s

// CHECK-LABEL: func.func @the_tighter_bounds_win
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 6.000000e+00 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x3xf32>
func.func @the_tighter_bounds_win(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.clamp"(%x) {low = 0.0 : f32, high = 0x7F800000 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.clamp"(%0) {low = -1.0 : f32, high = 6.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @bounds_that_do_not_meet_leave_one_number
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 1.000000e+00 : f32, low = 1.000000e+00 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x3xf32>
func.func @bounds_that_do_not_meet_leave_one_number(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.clamp"(%x) {low = 2.0 : f32, high = 3.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.clamp"(%0) {low = -1.0 : f32, high = 1.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @a_clamp_of_something_else_stays
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 0x7F800000 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.tanh"(%[[A]]) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.clamp"(%[[B]]) {high = 5.000000e-01 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @a_clamp_of_something_else_stays(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.clamp"(%x) {low = 0.0 : f32, high = 0x7F800000 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.tanh"(%0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %2 = "qd.clamp"(%1) {low = 0.0 : f32, high = 0.5 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %2 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @what_is_given_behind_a_clamp_is_given_of_both
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 1.275000e+02 : f32, low = 0.000000e+00 : f32, qd.given = array<f64: 5.000000e-01, 0.000000e+00, 8.000000e+00>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2xf32>
func.func @what_is_given_behind_a_clamp_is_given_of_both(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %0 = "qd.clamp"(%x) {low = 0.0 : f32, high = 0x7F800000 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 127.5 : f32, qd.given = array<f64: 0.5, 0.0, 8.0>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @what_rounds_stays_in_front_of_a_clamp
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {{.*}}qd.given
// CHECK-NEXT:    %[[B:.+]] = "qd.clamp"(%[[A]])
// CHECK-NEXT:    return %[[B]] : tensor<1x2xf32>
func.func @what_rounds_stays_in_front_of_a_clamp(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %0 = "qd.clamp"(%x) {low = -64.0 : f32, high = 63.5 : f32, qd.given = array<f64: 0.5, 128.0, 8.0>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 6.0 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}
