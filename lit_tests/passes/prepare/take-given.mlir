// RUN: dyadic-opt -p take-given %s | filecheck %s

// CHECK-LABEL: func.func @an_input_has_what_is_given
// CHECK-SAME:    (%arg0: tensor<1x4xf32> {qd.given = array<f64: 5.000000e-01, 3.000000e+00, 8.000000e+00>})
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0) : (tensor<1x4xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x4xf32>
func.func @an_input_has_what_is_given(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = "qd.clamp"(%x) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.tanh"(%0) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @what_was_moved_is_rounded_before
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0) : (tensor<1x4xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.clamp"(%[[A]]) {high = 1.260000e+02 : f32, low = -1.500000e+00 : f32, qd.given = array<f64: 5.000000e-01, 3.000000e+00, 8.000000e+00>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.reshape"(%[[B]]) : (tensor<1x4xf32>) -> tensor<1x2x2xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x2xf32>
func.func @what_was_moved_is_rounded_before(%x: tensor<1x4xf32>) -> tensor<1x2x2xf32> {
  %0 = "qd.tanh"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x4xf32>) -> tensor<1x2x2xf32>
  %2 = "qd.clamp"(%1) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  return %2 : tensor<1x2x2xf32>
}

// CHECK-LABEL: func.func @the_same_twice_is_once
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0) : (tensor<1x4xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.clamp"(%[[A]])
// CHECK-NEXT:    %[[C:.+]] = "qd.reshape"(%[[B]]) : (tensor<1x4xf32>) -> tensor<1x2x2xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x2xf32>
func.func @the_same_twice_is_once(%x: tensor<1x4xf32>) -> tensor<1x2x2xf32> {
  %0 = "qd.tanh"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.clamp"(%0) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = "qd.reshape"(%1) : (tensor<1x4xf32>) -> tensor<1x2x2xf32>
  %3 = "qd.clamp"(%2) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  return %3 : tensor<1x2x2xf32>
}

// CHECK-LABEL: func.func @another_scale_is_rounded_once_more
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0) : (tensor<1x4xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.clamp"(%[[A]])
// CHECK-NEXT:    %[[C:.+]] = "qd.clamp"(%[[B]]) {{.*}}qd.given = array<f64: 2.500000e-01, 3.000000e+00, 8.000000e+00>}
// CHECK-NEXT:    return %[[C]] : tensor<1x4xf32>
func.func @another_scale_is_rounded_once_more(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = "qd.tanh"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.clamp"(%0) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = "qd.clamp"(%1) {low = -0.75 : f32, high = 63.0 : f32, qd.given = array<f64: 0.25, 3.0, 8.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %2 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @a_concat_is_given_its_own
// CHECK-NEXT:    %[[A:.+]] = "qd.concat"(%arg0, %arg1) {axis = 1 : i64, qd.given = array<f64: 5.000000e-01, 3.000000e+00, 8.000000e+00>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x8xf32>
func.func @a_concat_is_given_its_own(%x: tensor<1x4xf32>, %y: tensor<1x4xf32>) -> tensor<1x8xf32> {
  %0 = "qd.concat"(%x, %y) {axis = 1 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
  %1 = "qd.clamp"(%0) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x8xf32>) -> tensor<1x8xf32>
  return %1 : tensor<1x8xf32>
}

// What else reads the tensor reads it rounded: it has one quantization.
// CHECK-LABEL: func.func @every_reader_reads_what_is_rounded
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0) : (tensor<1x4xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.clamp"(%[[A]])
// CHECK-NEXT:    %[[C:.+]] = "qd.sigmoid"(%[[B]]) : (tensor<1x4xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    return %[[C]], %[[B]] : tensor<1x4xf32>, tensor<1x4xf32>
func.func @every_reader_reads_what_is_rounded(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %0 = "qd.tanh"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.sigmoid"(%0) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = "qd.clamp"(%0) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1, %2 : tensor<1x4xf32>, tensor<1x4xf32>
}

// CHECK-LABEL: func.func @three_parts_are_one_concat
// CHECK-NEXT:    %[[A:.+]] = "qd.concat"(%arg0, %arg0) {axis = 1 : i64, qd.given = array<f64: 5.000000e-01, 3.000000e+00, 8.000000e+00>}
// CHECK-NEXT:    %[[B:.+]] = "qd.concat"(%[[A]], %arg0) {axis = 1 : i64, qd.given = array<f64: 5.000000e-01, 3.000000e+00, 8.000000e+00>}
// CHECK-NEXT:    return %[[B]] : tensor<1x12xf32>
func.func @three_parts_are_one_concat(%x: tensor<1x4xf32>) -> tensor<1x12xf32> {
  %0 = "qd.concat"(%x, %x) {axis = 1 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
  %1 = "qd.concat"(%0, %x) {axis = 1 : i64} : (tensor<1x8xf32>, tensor<1x4xf32>) -> tensor<1x12xf32>
  %2 = "qd.clamp"(%1) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x12xf32>) -> tensor<1x12xf32>
  return %2 : tensor<1x12xf32>
}

// A product with one positive number is the same integers, of another scale.
// CHECK-LABEL: func.func @a_multiple_has_the_same_integers
// CHECK:         "qd.scale_shift"({{.*}}) {axis = 1 : i64, qd.given = array<f64: 1.000000e+00, 3.000000e+00, 8.000000e+00>}
// CHECK-NEXT:    "qd.erf"
func.func @a_multiple_has_the_same_integers(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %two = "qd.constant"() {value = dense<2.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.clamp"(%x) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = "qd.scale_shift"(%0, %two, %zero) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %2 = "qd.erf"(%1) : (tensor<1x2xf32>) -> tensor<1x2xf32>
  return %2 : tensor<1x2xf32>
}

// By whole steps a shift moves the zero point; by others, or out of its range, it makes other integers.
// CHECK-LABEL: func.func @a_shift_moves_the_zero_point
// CHECK:         %[[A:.+]] = "qd.scale_shift"({{.*}}) {axis = 1 : i64, qd.given = array<f64: 1.000000e+00, 1.000000e+00, 8.000000e+00>}
// CHECK-NEXT:    %[[B:.+]] = "qd.scale_shift"(%[[A]], {{.*}}) {axis = 1 : i64} :
// CHECK-NEXT:    "qd.scale_shift"(%arg0, {{.*}}) {axis = 1 : i64} :
func.func @a_shift_moves_the_zero_point(%x: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %two = "qd.constant"() {value = dense<2.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %part = "qd.constant"() {value = dense<0.3> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.clamp"(%x) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = "qd.scale_shift"(%0, %two, %two) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %2 = "qd.scale_shift"(%1, %two, %part) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %3 = "qd.scale_shift"(%0, %part, %two) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  return %2, %3 : tensor<1x2xf32>, tensor<1x2xf32>
}

// What is rounded of a part says nothing of the rest, which others read; where nobody does, it is said of all.
// CHECK-LABEL: func.func @a_part_has_a_rounding_of_its_own
// CHECK:         %[[E:.+]] = "qd.erf"(%arg0)
// CHECK-NEXT:    %[[S:.+]] = "qd.slice"(%[[E]])
// CHECK-NEXT:    %[[C:.+]] = "qd.clamp"(%[[S]]) {{{.*}}qd.given
// CHECK:         return %[[E]], %[[C]]
func.func @a_part_has_a_rounding_of_its_own(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x2xf32>) {
  %0 = "qd.erf"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.slice"(%0) {starts = array<i64: 0, 1>, steps = array<i64: 1, 1>} : (tensor<1x4xf32>) -> tensor<1x2xf32>
  %2 = "qd.clamp"(%1) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  return %0, %2 : tensor<1x4xf32>, tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_part_that_is_all_that_is_read
// CHECK:         %[[C:.+]] = "qd.clamp"({{.*}}) {{{.*}}qd.given
// CHECK-NEXT:    %[[S:.+]] = "qd.slice"(%[[C]])
// CHECK-NEXT:    return %[[S]]
func.func @a_part_that_is_all_that_is_read(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %0 = "qd.erf"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.slice"(%0) {starts = array<i64: 0, 1>, steps = array<i64: 1, 1>} : (tensor<1x4xf32>) -> tensor<1x2xf32>
  %2 = "qd.clamp"(%1) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  return %2 : tensor<1x2xf32>
}
