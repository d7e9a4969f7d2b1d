// RUN: dyadic-opt -p balance-norms %s | filecheck %s

// Channels reach over [-1, 3] and [-1, 1]: shifted by 1 and 0, divided by 2 and 1 over their geometric mean, the square
// root of 2.
// CHECK-LABEL: func.func @a_norm_and_the_layer_behind_it
// CHECK:         %[[G:.+]] = "qd.constant"() {value = dense<[0.707106769, 1.41421354]> : tensor<2xf32>}
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[-0.707106769, 0.000000e+00]> : tensor<2xf32>}
// CHECK-NEXT:    %[[N:.+]] = "qd.layer_norm"(%arg0, %[[G]], %[[B]]) {{.*}}qd.range = array<f64: -1.414{{[0-9]*}}, 1.414{{[0-9]*}}>
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {value = dense<1.41421354> : tensor<1x2xf32>}
// CHECK-NEXT:    %[[C:.+]] = "qd.constant"() {value = dense<3.000000e+00> : tensor<1xf32>}
// CHECK-NEXT:    "qd.linear"(%[[N]], %[[W]], %[[C]]) {qd.input_mean = array<f64: 0.000000e+00, 0.000000e+00>}
func.func @a_norm_and_the_layer_behind_it(%x: tensor<1x3x2xf32>) -> tensor<1x3x1xf32> {
  %g = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %b = "qd.constant"() {value = dense<[0.0, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = "qd.constant"() {value = dense<[[1.0, 2.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %c = "qd.constant"() {value = dense<[2.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %n = "qd.layer_norm"(%x, %g, %b) {epsilon = 1.0e-6 : f32, qd.range = array<f64: -1.0, 3.0>, qd.channel_range = array<f64: -1.0, -1.0, 3.0, 1.0>} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %r = "qd.linear"(%n, %w, %c) {qd.input_mean = array<f64: 1.0, 0.0>} : (tensor<1x3x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
  return %r : tensor<1x3x1xf32>
}

// CHECK-LABEL: func.func @a_copy_that_layers_read_is_scaled_and_the_stream_stays
// CHECK:         %[[N:.+]] = "qd.layer_norm"(%arg0, %[[G:.+]], %[[G]])
// CHECK:         %[[S:.+]] = "qd.scale_shift"(%[[N]], {{.*}}) {axis = 2 : i64, qd.bits = 8 : i64,
// CHECK:         %[[V:.+]] = "qd.linear"(%[[S]],
// CHECK:         "qd.add"(%[[N]], %[[V]])
func.func @a_copy_that_layers_read_is_scaled_and_the_stream_stays(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %g = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [0.5, -1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %n = "qd.layer_norm"(%x, %g, %g) {epsilon = 1.0e-6 : f32, qd.range = array<f64: -1.25, 3.75>, qd.channel_range = array<f64: -1.0, -1.0, 3.0, 1.0>} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %k = "qd.clamp"(%n) {low = 0xFF800000 : f32, high = 0x7F800000 : f32, qd.bits = 8 : i64, qd.range = array<f64: -1.0, 3.0>} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %v = "qd.linear"(%k, %w, %g) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %a = "qd.add"(%n, %v) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %a : tensor<1x3x2xf32>
}

// Weights of 4 bits take the square root alone: channels are divided by the fourth root of 2 and its inverse.
// CHECK-LABEL: func.func @weights_of_few_bits_carry_less
// CHECK:         "qd.constant"() {value = dense<[0.840896427, 1.18920708]> : tensor<2xf32>}
func.func @weights_of_few_bits_carry_less(%x: tensor<1x3x2xf32>) -> tensor<1x3x1xf32> {
  %g = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = "qd.constant"() {value = dense<[[1.0, 2.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %c = "qd.constant"() {value = dense<[2.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %n = "qd.layer_norm"(%x, %g, %g) {epsilon = 1.0e-6 : f32, qd.range = array<f64: -2.0, 2.0>, qd.channel_range = array<f64: -2.0, -1.0, 2.0, 1.0>} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %r = "qd.linear"(%n, %w, %c) {qd.weight_bits = 4 : i64} : (tensor<1x3x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
  return %r : tensor<1x3x1xf32>
}

// CHECK-LABEL: func.func @a_norm_that_something_else_reads_stays
// CHECK:         "qd.layer_norm"(%arg0, %[[G:.+]], %[[G]])
// CHECK-NOT:     "qd.scale_shift"
func.func @a_norm_that_something_else_reads_stays(%x: tensor<1x3x2xf32>) -> (tensor<1x3x1xf32>, tensor<1x3x2xf32>) {
  %g = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = "qd.constant"() {value = dense<[[1.0, 2.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %c = "qd.constant"() {value = dense<[2.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %n = "qd.layer_norm"(%x, %g, %g) {epsilon = 1.0e-6 : f32, qd.range = array<f64: -1.0, 3.0>, qd.channel_range = array<f64: -1.0, -1.0, 3.0, 1.0>} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %r = "qd.linear"(%n, %w, %c) : (tensor<1x3x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
  return %r, %n : tensor<1x3x1xf32>, tensor<1x3x2xf32>
}
