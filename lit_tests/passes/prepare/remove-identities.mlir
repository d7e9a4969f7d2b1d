// RUN: dyadic-opt -p remove-identities %s | filecheck %s

// CHECK-LABEL: func.func @a_reshape_to_the_same_shape_goes
// CHECK-NEXT:    return %arg0 : tensor<1x2x3x4xf32>
func.func @a_reshape_to_the_same_shape_goes(%x: tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32> {
  %0 = "qd.reshape"(%x) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  return %0 : tensor<1x2x3x4xf32>
}

// CHECK-LABEL: func.func @a_reshape_of_a_reshape_is_one
// CHECK-NEXT:    %[[A:.+]] = "qd.reshape"(%arg0) : (tensor<1x2x3x4xf32>) -> tensor<1x6x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x6x4xf32>
func.func @a_reshape_of_a_reshape_is_one(%x: tensor<1x2x3x4xf32>) -> tensor<1x6x4xf32> {
  %0 = "qd.reshape"(%x) : (tensor<1x2x3x4xf32>) -> tensor<1x24xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x24xf32>) -> tensor<1x6x4xf32>
  return %1 : tensor<1x6x4xf32>
}

// CHECK-LABEL: func.func @a_transpose_that_only_moves_ones_is_a_reshape
// CHECK-NEXT:    %[[A:.+]] = "qd.reshape"(%arg0) : (tensor<1x4x1x1xf32>) -> tensor<1x1x1x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x1x1x4xf32>
func.func @a_transpose_that_only_moves_ones_is_a_reshape(%x: tensor<1x4x1x1xf32>) -> tensor<1x1x1x4xf32> {
  %0 = "qd.transpose"(%x) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x4x1x1xf32>) -> tensor<1x1x1x4xf32>
  return %0 : tensor<1x1x1x4xf32>
}

// CHECK-LABEL: func.func @two_transposes_are_one
// CHECK-NEXT:    %[[A:.+]] = "qd.transpose"(%arg0) {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x2x3x4xf32>) -> tensor<1x4x2x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x4x2x3xf32>
func.func @two_transposes_are_one(%x: tensor<1x2x3x4xf32>) -> tensor<1x4x2x3xf32> {
  %0 = "qd.transpose"(%x) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x3x4xf32>) -> tensor<1x3x4x2xf32>
  %1 = "qd.transpose"(%0) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x3x4x2xf32>) -> tensor<1x4x2x3xf32>
  return %1 : tensor<1x4x2x3xf32>
}

// CHECK-LABEL: func.func @two_transposes_that_cancel_go
// CHECK-NEXT:    return %arg0 : tensor<1x2x3x4xf32>
func.func @two_transposes_that_cancel_go(%x: tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32> {
  %0 = "qd.transpose"(%x) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x3x4xf32>) -> tensor<1x3x4x2xf32>
  %1 = "qd.transpose"(%0) {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x3x4x2xf32>) -> tensor<1x2x3x4xf32>
  return %1 : tensor<1x2x3x4xf32>
}

// CHECK-LABEL: func.func @a_slice_of_everything_goes
// CHECK-NEXT:    return %arg0 : tensor<1x2x3x4xf32>
func.func @a_slice_of_everything_goes(%x: tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32> {
  %0 = "qd.slice"(%x) {starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  return %0 : tensor<1x2x3x4xf32>
}

// elements 1, 3, 5, 7 of x, of these 1 and 3: elements 3 and 7
// CHECK-LABEL: func.func @a_slice_of_a_slice_is_one
// CHECK-NEXT:    %[[A:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 3>, steps = array<i64: 1, 4>} : (tensor<1x9xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2xf32>
func.func @a_slice_of_a_slice_is_one(%x: tensor<1x9xf32>) -> tensor<1x2xf32> {
  %0 = "qd.slice"(%x) {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>} : (tensor<1x9xf32>) -> tensor<1x4xf32>
  %1 = "qd.slice"(%0) {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>} : (tensor<1x4xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_pad_of_nothing_goes
// CHECK-NEXT:    return %arg0 : tensor<1x9xf32>
func.func @a_pad_of_nothing_goes(%x: tensor<1x9xf32>) -> tensor<1x9xf32> {
  %0 = "qd.pad"(%x) {low = array<i64: 0, 0>, high = array<i64: 0, 0>, value = 1.0 : f32} : (tensor<1x9xf32>) -> tensor<1x9xf32>
  return %0 : tensor<1x9xf32>
}

// CHECK-LABEL: func.func @a_clamp_to_all_numbers_and_a_scale_of_one_go
// CHECK-NEXT:    return %arg0 : tensor<1x2xf32>
func.func @a_clamp_to_all_numbers_and_a_scale_of_one_go(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %one = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.clamp"(%x) {low = 0xFF800000 : f32, high = 0x7F800000 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = "qd.scale_shift"(%0, %one, %zero) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_scale_with_a_shift_stays
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[0.000000e+00, 1.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2xf32>
func.func @a_scale_with_a_shift_stays(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %one = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[0.0, 1.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %1 = "qd.scale_shift"(%x, %one, %h) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}
