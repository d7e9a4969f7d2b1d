// RUN: dyadic-opt -p raise-clamps %s | filecheck %s

// CHECK-LABEL: func.func @a_clamp_behind_moves
// CHECK:         %[[L:.+]] = "qd.linear"
// CHECK-NEXT:    %[[C:.+]] = "qd.clamp"(%[[L]]) {high = 6.000000e+00 : f32, low = 0.000000e+00 : f32} : (tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
// CHECK-NEXT:    %[[T:.+]] = "qd.transpose"(%[[C]])
// CHECK-NEXT:    %[[R:.+]] = "qd.repeat"(%[[T]])
// CHECK-NEXT:    return %[[R]]
func.func @a_clamp_behind_moves(%x: tensor<1x3x2xf32>) -> tensor<1x4x6xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %t = "qd.transpose"(%l) {permutation = array<i64: 0, 2, 1>} : (tensor<1x3x4xf32>) -> tensor<1x4x3xf32>
  %r = "qd.repeat"(%t) {times = array<i64: 1, 1, 2>} : (tensor<1x4x3xf32>) -> tensor<1x4x6xf32>
  %0 = "qd.clamp"(%r) {low = 0.0 : f32, high = 6.0 : f32} : (tensor<1x4x6xf32>) -> tensor<1x4x6xf32>
  return %0 : tensor<1x4x6xf32>
}

// What is read elsewhere as well stays as it is, and so does what inserts a number.
// CHECK-LABEL: func.func @a_move_with_two_readers
// CHECK:         qd.transpose
// CHECK-NEXT:    qd.clamp
func.func @a_move_with_two_readers(%x: tensor<1x3x2xf32>) -> (tensor<1x4x3xf32>, tensor<1x4x3xf32>) {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %t = "qd.transpose"(%l) {permutation = array<i64: 0, 2, 1>} : (tensor<1x3x4xf32>) -> tensor<1x4x3xf32>
  %0 = "qd.clamp"(%t) {low = 0.0 : f32, high = 6.0 : f32} : (tensor<1x4x3xf32>) -> tensor<1x4x3xf32>
  return %0, %t : tensor<1x4x3xf32>, tensor<1x4x3xf32>
}

// CHECK-LABEL: func.func @a_pad_between
// CHECK:         qd.pad
// CHECK-NEXT:    qd.clamp
func.func @a_pad_between(%x: tensor<1x3x2xf32>) -> tensor<1x5x4xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %p = "qd.pad"(%l) {high = array<i64: 0, 1, 0>, low = array<i64: 0, 1, 0>, value = -1.0 : f32} : (tensor<1x3x4xf32>) -> tensor<1x5x4xf32>
  %0 = "qd.clamp"(%p) {low = 0.0 : f32, high = 6.0 : f32} : (tensor<1x5x4xf32>) -> tensor<1x5x4xf32>
  return %0 : tensor<1x5x4xf32>
}

// A clamp that rounds to what the model gives still does.
// CHECK-LABEL: func.func @what_is_given_goes_with_it
// CHECK:         %[[C:.+]] = "qd.clamp"({{.*}}) {{{.*}}qd.given = array<f64: 5.000000e-01, 0.000000e+00, 1.600000e+01>{{.*}}}
// CHECK-NEXT:    "qd.transpose"(%[[C]])
func.func @what_is_given_goes_with_it(%x: tensor<1x3x2xf32>) -> tensor<1x4x3xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = "qd.constant"() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %l = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<4x2xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %t = "qd.transpose"(%l) {permutation = array<i64: 0, 2, 1>} : (tensor<1x3x4xf32>) -> tensor<1x4x3xf32>
  %0 = "qd.clamp"(%t) {low = -2.0 : f32, high = 2.0 : f32, qd.given = array<f64: 0.5, 0.0, 16.0>} : (tensor<1x4x3xf32>) -> tensor<1x4x3xf32>
  return %0 : tensor<1x4x3xf32>
}
