// RUN: dyadic-opt -p choose-fused-additions %s | filecheck %s

// CHECK-LABEL: func.func @a_convolution_keeps_its_accumulator_for_the_addition
// CHECK:         "qd.add"({{.*}}) {{{.*}}qd.takes_in = "a"
func.func @a_convolution_keeps_its_accumulator_for_the_addition(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x2x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.add"(%0, %x) {qd.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @the_side_does_not_matter
// CHECK:         "qd.add"({{.*}}) {{{.*}}qd.takes_in = "b"
func.func @the_side_does_not_matter(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x2x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.add"(%x, %0) {qd.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @a_linear_layer_keeps_its_accumulator_too
// CHECK:         "qd.add"({{.*}}) {{{.*}}qd.takes_in = "b"
func.func @a_linear_layer_keeps_its_accumulator_too(%x: tensor<1x3x2xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x3x2xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.range = array<f64: -2.0, 2.0>} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.add"(%x, %0) {qd.range = array<f64: -4.0, 4.0>} : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %1 : tensor<1x3x2xf32>
}

// CHECK-LABEL: func.func @of_two_convolutions_the_wider_is_taken_in
// CHECK:         "qd.add"({{.*}}) {{{.*}}qd.takes_in = "b"
func.func @of_two_convolutions_the_wider_is_taken_in(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x2x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -3.0, 3.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %2 = "qd.add"(%0, %1) {qd.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %2 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @of_two_equal_convolutions_the_first_operand_is_taken_in
// CHECK:         "qd.add"({{.*}}) {{{.*}}qd.takes_in = "a"
func.func @of_two_equal_convolutions_the_first_operand_is_taken_in(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x2x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %2 = "qd.add"(%0, %1) {qd.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %2 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @a_convolution_that_is_read_twice_must_round
// CHECK-NOT:     qd.takes_in
func.func @a_convolution_that_is_read_twice_must_round(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 1.0>}) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.add"(%0, %x) {qd.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %1, %0 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @a_clamped_convolution_has_rounded
// CHECK-NOT:     qd.takes_in
func.func @a_clamped_convolution_has_rounded(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x2x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 6.0 : f32, qd.range = array<f64: 0.0, 2.0>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = "qd.add"(%1, %x) {qd.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %2 : tensor<1x2x4x4xf32>
}

// What stays float has no accumulator to take in; the other convolution has, although its range is narrower.
// CHECK-LABEL: func.func @an_island_is_never_taken_in
// CHECK:         "qd.add"({{.*}}) {{{.*}}qd.takes_in = "a"
// CHECK:         "qd.add"({{.*}}) {qd.range = array<f64: -6.000000e+00, 6.000000e+00>}
func.func @an_island_is_never_taken_in(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x2x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -3.0, 3.0>, qd.weight_bits = 32 : i64} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %2 = "qd.add"(%0, %1) {qd.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %3 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -2.0, 2.0>, qd.weight_bits = 32 : i64} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %4 = "qd.add"(%2, %3) {qd.range = array<f64: -6.0, 6.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %4 : tensor<1x2x4x4xf32>
}

// Its own kernel sums each channel by itself and adds nothing.
// CHECK-LABEL: func.func @a_depthwise_convolution_is_not_taken_in
// CHECK-NOT:     qd.takes_in
func.func @a_depthwise_convolution_is_not_taken_in(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x2x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x1x1x1xf32>} : () -> tensor<2x1x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 2 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = "qd.add"(%0, %x) {qd.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}
