// RUN: dyadic-opt -p place-widths %s | filecheck %s

// CHECK-LABEL: func.func @moves_keep_the_width_of_their_input
// CHECK:         "qd.reshape"({{.*}}) {qd.bits = 16 : i64}
// CHECK-NEXT:    "qd.slice"({{.*}}) {qd.bits = 16 : i64
func.func @moves_keep_the_width_of_their_input(%x: tensor<1x2x4xf32> {qd.bits = 16 : i64}) -> tensor<1x4xf32> {
  %0 = "qd.reshape"(%x) {qd.bits = 4 : i64} : (tensor<1x2x4xf32>) -> tensor<1x8xf32>
  %1 = "qd.slice"(%0) {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>} : (tensor<1x8xf32>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}

// Both producers are read by the concat alone, one of them through a move; the argument is not.
// CHECK-LABEL: func.func @inputs_take_the_width_of_their_concat
// CHECK:         "qd.tanh"({{.*}}) {qd.bits = 16 : i64}
// CHECK-NEXT:    "qd.slice"({{.*}}) {qd.bits = 16 : i64
// CHECK-NEXT:    %[[SAME:.+]] = "qd.clamp"(%arg0) {high = 0x7F800000 : f32, low = 0xFF800000 : f32, qd.bits = 16 : i64, qd.range = array<f64: -1.000000e+00, 2.000000e+00>}
// CHECK-NEXT:    "qd.concat"(%{{.+}}, %[[SAME]])
func.func @inputs_take_the_width_of_their_concat(%x: tensor<1x4xf32> {qd.range = array<f64: -1.0, 2.0>}) -> tensor<1x6xf32> {
  %0 = "qd.tanh"(%x) {qd.bits = 4 : i64} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.slice"(%0) {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>} : (tensor<1x4xf32>) -> tensor<1x2xf32>
  %2 = "qd.concat"(%1, %x) {axis = 1 : i64, qd.bits = 16 : i64} : (tensor<1x2xf32>, tensor<1x4xf32>) -> tensor<1x6xf32>
  return %2 : tensor<1x6xf32>
}

// Calibration writes no range for a move: it is that of the move's input, and of what a pad adds.
// CHECK-LABEL: func.func @a_shared_move_is_rounded_within_the_range_of_its_input
// CHECK:         %[[TANH:.+]] = "qd.tanh"
// CHECK:         %[[PAD:.+]] = "qd.pad"(%[[TANH]])
// CHECK:         "qd.clamp"(%[[PAD]]) {high = 0x7F800000 : f32, low = 0xFF800000 : f32, qd.bits = 8 : i64, qd.range = array<f64: -1.000000e+00, 3.000000e+00>}
func.func @a_shared_move_is_rounded_within_the_range_of_its_input(%x: tensor<1x4xf32>) -> (tensor<1x10xf32>, tensor<1x6xf32>) {
  %0 = "qd.tanh"(%x) {qd.bits = 16 : i64, qd.range = array<f64: -1.0, 1.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.pad"(%0) {low = array<i64: 0, 1>, high = array<i64: 0, 1>, value = 3.0 : f32} : (tensor<1x4xf32>) -> tensor<1x6xf32>
  %2 = "qd.concat"(%1, %x) {axis = 1 : i64} : (tensor<1x6xf32>, tensor<1x4xf32>) -> tensor<1x10xf32>
  return %2, %1 : tensor<1x10xf32>, tensor<1x6xf32>
}

// A concat that a function which jumps reads has 8 bits, and so have its inputs; 4 bits are few enough. A logarithm reads
// 16, whatever is chosen.
// CHECK-LABEL: func.func @functions_read_what_they_can
// CHECK:         "qd.add"({{.*}}) {qd.bits = 8 : i64}
// CHECK-NEXT:    "qd.sub"({{.*}}) {qd.bits = 8 : i64}
// CHECK-NEXT:    "qd.concat"({{.*}}) {axis = 1 : i64, qd.bits = 8 : i64}
// CHECK-NEXT:    "qd.floor"({{.*}}) {qd.bits = 16 : i64}
// CHECK-NEXT:    "qd.mul"({{.*}}) {qd.bits = 4 : i64}
// CHECK-NEXT:    "qd.tanh"
// CHECK-NEXT:    "qd.mul"({{.*}}) {qd.bits = 16 : i64}
// CHECK-NEXT:    "qd.log"
func.func @functions_read_what_they_can(%x: tensor<1x4xf32>) -> (tensor<1x8xf32>, tensor<1x4xf32>, tensor<1x4xf32>) {
  %0 = "qd.add"(%x, %x) {qd.bits = 16 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.sub"(%x, %x) {qd.bits = 4 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = "qd.concat"(%0, %1) {axis = 1 : i64, qd.bits = 16 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
  %3 = "qd.floor"(%2) {qd.bits = 16 : i64} : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %4 = "qd.mul"(%x, %x) {qd.bits = 4 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %5 = "qd.tanh"(%4) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %6 = "qd.mul"(%x, %x) {qd.bits = 8 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %7 = "qd.log"(%6) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %3, %5, %7 : tensor<1x8xf32>, tensor<1x4xf32>, tensor<1x4xf32>
}

// The addition is rounded once, to the clamp's 16 bits; what is added to 8 bits keeps 8.
// CHECK-LABEL: func.func @constants_are_as_fine_as_what_is_made_of_them
// CHECK:         "qd.constant"() {qd.bits = 16 : i64, value = dense<1.000000e+00>
// CHECK-NEXT:    "qd.constant"() {value = dense<2.000000e+00>
func.func @constants_are_as_fine_as_what_is_made_of_them(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %a = "qd.constant"() {value = dense<1.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %b = "qd.constant"() {value = dense<2.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %0 = "qd.add"(%x, %a) : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 6.0 : f32, qd.bits = 16 : i64} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = "qd.mul"(%x, %b) : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1, %2 : tensor<1x4xf32>, tensor<1x4xf32>
}

// What is added to the products of states has 16 bits; who else reads it, and the states, have their own.
// CHECK-LABEL: func.func @recurrences_read_16_bits
// CHECK:         "qd.linear"({{.*}}) {qd.bits = 16 : i64}
// CHECK:         %[[Q:.+]] = "qd.linear"({{.*}}) {qd.range = array<f64: -2.000000e+00, 2.000000e+00>}
// CHECK:         "qd.recurrence"(%{{[0-9a-z]+}}, %{{.*}}) {cell = false, kind = "tanh", reverse = false}
// CHECK-NEXT:    %[[SAME:.+]] = "qd.clamp"(%[[Q]]) {high = 0x7F800000 : f32, low = 0xFF800000 : f32, qd.bits = 16 : i64
// CHECK-NEXT:    "qd.recurrence"(%[[SAME]],
func.func @recurrences_read_16_bits(%x: tensor<1x3x2xf32>, %w: tensor<2x2xf32>, %b: tensor<2xf32>, %h: tensor<1x2xf32> {qd.range = array<f64: -1.0, 1.0>}) -> (tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>) {
  %p = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %q = "qd.linear"(%x, %w, %b) {qd.range = array<f64: -2.0, 2.0>} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %0 = "qd.recurrence"(%p, %w, %b, %h, %h) {cell = false, kind = "tanh", reverse = false} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.recurrence"(%q, %w, %b, %h, %h) {cell = false, kind = "tanh", reverse = false} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x3x2xf32>
  return %0, %1, %q : tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>
}
