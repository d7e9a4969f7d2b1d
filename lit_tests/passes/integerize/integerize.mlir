// RUN: dyadic-opt -p integerize %s | filecheck %s

// S_in = 1/128 and zp = 128; S_w = 1/128, 1/256; S_out = 1/64. The bias 0.5 is 8192 steps of 1/16384, less 128 * 127.
// CHECK-LABEL: func.func @a_convolution_and_its_clamp_are_one_op
// CHECK-NEXT:    %[[Q:.+]] = "qi.quantize"(%arg0) : (tensor<1x1x2x3xf32>) -> tensor<1x1x2x3x!quant.uniform<u8:f32, 7.812500e-03:128>>
// CHECK-NEXT:    %[[W:.+]] = "qi.constant"() {value = dense<{{\[\[\[\[}}127]]], {{\[\[\[}}-127]]]]> : tensor<2x1x1x1xi8>} : () -> tensor<2x1x1x1x!quant.uniform<i8<-127:127>:f32:0, {7.812500e-03,3.906250e-03}>>
// CHECK-NEXT:    %[[B:.+]] = "qi.constant"() {value = dense<[-8064, 16256]> : tensor<2xi32>} : () -> tensor<2xi32>
// CHECK-NEXT:    %[[R:.+]] = "qi.conv2d"(%[[Q]], %[[W]], %[[B]]) {acc = array<i64: -32385, 32385>, dilation = array<i64: 1, 1>, form = "short", groups = 1 : i64, high = 255 : i64, low = 0 : i64, multiplier = array<i32: 65536, 65536>, padding = array<i64: 1, 0, 0, 0>, shift = array<i32: 24, 25>, strides = array<i64: 1, 1>}
// CHECK-NEXT:    %[[F:.+]] = "qi.dequantize"(%[[R]]) : (tensor<1x2x3x3x!quant.uniform<u8:f32, 1.562500e-02>>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[F]]
func.func @a_convolution_and_its_clamp_are_one_op(%x: tensor<1x1x2x3xf32> {qd.range = array<f64: -1.0, 0.9921875>}) -> tensor<1x2x3x3xf32> {
  %w = "qd.constant"() {value = dense<[[[[0.9921875]]], [[[-0.49609375]]]]> : tensor<2x1x1x1xf32>} : () -> tensor<2x1x1x1xf32>
  %b = "qd.constant"() {value = dense<[0.5, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 1, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -9.0, 9.0>} : (tensor<1x1x2x3xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 0x7F800000 : f32, qd.range = array<f64: 0.0, 3.984375>} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// Real scales 1/128 * 1/128 and 1/128 over 1/64: ratios 2^-8 and 2^-1 become multipliers below 2^31 with the largest shift.
// 1/2 as a residual multiplier: 32 * 2^32 / 2^38.
// CHECK-LABEL: func.func @a_marked_addition_takes_in_its_convolution
// CHECK:         %[[Q:.+]] = "qi.quantize"
// CHECK:         "qi.conv_add"(%[[Q]], %{{.+}}, %{{.+}}, %[[Q]]) {acc = array<i64: -16256, 32385>, {{.*}}multiplier = array<i32: 1073741824>, {{.*}}residual_multiplier = array<i32: 32>, residual_shift = 32 : i64, shift = array<i32: 38>,
func.func @a_marked_addition_takes_in_its_convolution(%x: tensor<1x1x2x3xf32> {qd.range = array<f64: -1.0, 0.9921875>}) -> tensor<1x1x2x3xf32> {
  %w = "qd.constant"() {value = dense<0.9921875> : tensor<1x1x1x1xf32>} : () -> tensor<1x1x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -9.0, 9.0>} : (tensor<1x1x2x3xf32>, tensor<1x1x1x1xf32>, tensor<1xf32>) -> tensor<1x1x2x3xf32>
  %1 = "qd.add"(%0, %x) {qd.takes_in = "a", qd.range = array<f64: -2.0, 1.984375>} : (tensor<1x1x2x3xf32>, tensor<1x1x2x3xf32>) -> tensor<1x1x2x3xf32>
  return %1 : tensor<1x1x2x3xf32>
}

// The residual's steps become 73/128 of the result's, and 2^38 leaves six bits for that: too few, so it takes all 31.
// CHECK-LABEL: func.func @a_residual_that_the_high_half_cannot_say_well
// CHECK:         "qi.conv_add"({{.*}}) {{.*}}multiplier = array<i32: 1224736777>, {{.*}}residual_multiplier = array<i32: 1224736777>, residual_shift = 7 : i64, shift = array<i32: 38>,
func.func @a_residual_that_the_high_half_cannot_say_well(%x: tensor<1x1x2x3xf32> {qd.range = array<f64: -1.0, 0.9921875>}) -> tensor<1x1x2x3xf32> {
  %w = "qd.constant"() {value = dense<0.9921875> : tensor<1x1x1x1xf32>} : () -> tensor<1x1x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -9.0, 9.0>} : (tensor<1x1x2x3xf32>, tensor<1x1x1x1xf32>, tensor<1xf32>) -> tensor<1x1x2x3xf32>
  %1 = "qd.add"(%0, %x) {qd.takes_in = "a", qd.range = array<f64: -1.75, 1.736328125>} : (tensor<1x1x2x3xf32>, tensor<1x1x2x3xf32>) -> tensor<1x1x2x3xf32>
  return %1 : tensor<1x1x2x3xf32>
}

// CHECK-LABEL: func.func @a_linear_layer_with_a_residual_rounds_once
// CHECK:         %[[Q:.+]] = "qi.quantize"
// CHECK:         "qi.linear_add"(%[[Q]], %{{.+}}, %{{.+}}, %[[Q]]) {{.*}}high = 32767 : i64, {{.*}} -> tensor<1x2x1x!quant.uniform<i16:f32,
// CHECK-NOT:     "qi.add"
func.func @a_linear_layer_with_a_residual_rounds_once(%x: tensor<1x2x1xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x2x1xf32> {
  %w = "qd.constant"() {value = dense<[[0.5]]> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b = "qd.constant"() {value = dense<[0.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.range = array<f64: -1.0, 1.0>} : (tensor<1x2x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x2x1xf32>
  %1 = "qd.add"(%0, %x) {qd.takes_in = "a", qd.bits = 16 : i64, qd.range = array<f64: -2.0, 2.0>} : (tensor<1x2x1xf32>, tensor<1x2x1xf32>) -> tensor<1x2x1xf32>
  return %1 : tensor<1x2x1xf32>
}

// The columns 0..7 of C x H x W = 2 x 2 x 2 are read in the order H x W x C: 0, 4, 1, 5, ...; no bytes move.
// CHECK-LABEL: func.func @a_linear_layer_behind_a_flattened_image_permutes_its_weights
// CHECK:         %[[T:.+]] = "qi.transpose"({{.*}}) {permutation = array<i64: 0, 2, 3, 1>}
// CHECK-NEXT:    "qi.reshape"(%[[T]]) : (tensor<1x2x2x2x{{.*}}) -> tensor<1x8x
// CHECK-NEXT:    "qi.constant"() {value = dense<{{\[\[}}0, 64, 16, 80, 32, 96, 48, 127]]> : tensor<1x8xi8>}
func.func @a_linear_layer_behind_a_flattened_image_permutes_its_weights(%x: tensor<1x2x2x2xf32> {qd.range = array<f64: 0.0, 255.0>}) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[0.0, 16.0, 32.0, 48.0, 64.0, 80.0, 96.0, 127.0]]> : tensor<1x8xf32>} : () -> tensor<1x8xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.reshape"(%x) : (tensor<1x2x2x2xf32>) -> tensor<1x8xf32>
  %1 = "qd.linear"(%0, %w, %b) {qd.range = array<f64: 0.0, 10000.0>} : (tensor<1x8xf32>, tensor<1x8xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %1 : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @a_flattened_image_that_others_read_is_left_in_order
// CHECK-NEXT:    %[[Q:.+]] = "qi.quantize"
// CHECK-NEXT:    "qi.reshape"(%[[Q]])
func.func @a_flattened_image_that_others_read_is_left_in_order(%x: tensor<1x2x2x2xf32> {qd.range = array<f64: 0.0, 255.0>}) -> tensor<1x8xf32> {
  %0 = "qd.reshape"(%x) {qd.range = array<f64: 0.0, 255.0>} : (tensor<1x2x2x2xf32>) -> tensor<1x8xf32>
  return %0 : tensor<1x8xf32>
}

// The weight 0.5625 is rounded to 1 and its input is 3 on average: the bias takes back 3 * 0.4375, which is 1.3 steps.
// CHECK-LABEL: func.func @a_bias_takes_back_what_rounding_adds_on_average
// CHECK:         "qi.constant"() {value = dense<-1> : tensor<1xi32>}
func.func @a_bias_takes_back_what_rounding_adds_on_average(%x: tensor<1x2xf32> {qd.range = array<f64: 0.0, 255.0>}) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<[[127.0, 0.5625]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.input_mean = array<f64: 7.0, 3.0>, qd.range = array<f64: 0.0, 10000.0>} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @a_per_channel_scaling_is_a_depthwise_convolution
// CHECK:         "qi.reshape"({{.*}}) : (tensor<1x3x{{.*}}) -> tensor<1x3x1x1x
// CHECK:         %[[Y:.+]] = "qi.conv2d"({{.*}}) {{.*}}groups = 3 : i64
// CHECK-NEXT:    "qi.reshape"(%[[Y]]) : (tensor<1x3x1x1x{{.*}}) -> tensor<1x3x
func.func @a_per_channel_scaling_is_a_depthwise_convolution(%x: tensor<1x3xf32> {qd.range = array<f64: 0.0, 255.0>}) -> tensor<1x3xf32> {
  %s = "qd.constant"() {value = dense<[1.0, 2.0, -3.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %0 = "qd.scale_shift"(%x, %s, %s) {axis = 1 : i64, qd.range = array<f64: -800.0, 800.0>} : (tensor<1x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  return %0 : tensor<1x3xf32>
}

// Ratios 1/2 and -1/2: 2^14 and -2^14 with the largest common shift, 15.
// CHECK-LABEL: func.func @a_subtraction_has_a_negative_multiplier
// CHECK:         "qi.add"({{.*}}) {high = 192 : i64, low = 128 : i64, multiplier_a = 16384 : i64, multiplier_b = -16384 : i64, shift = 15 : i64}
func.func @a_subtraction_has_a_negative_multiplier(%x: tensor<1x4xf32> {qd.range = array<f64: -1.0, 0.9921875>}, %y: tensor<1x4xf32> {qd.range = array<f64: -1.0, 0.9921875>}) -> tensor<1x4xf32> {
  %0 = "qd.sub"(%x, %y) {qd.range = array<f64: -9.0, 9.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 1.0 : f32, qd.range = array<f64: -2.0, 1.984375>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @a_smaller_first_operand_goes_second
// CHECK:         %[[X:.+]] = "qi.quantize"(%arg0)
// CHECK:         %[[Y:.+]] = "qi.quantize"(%arg1)
// CHECK:         "qi.mul"(%[[Y]], %[[X]])
func.func @a_smaller_first_operand_goes_second(%x: tensor<1x2x1x1xf32> {qd.range = array<f64: 0.0, 1.0>}, %y: tensor<1x2x3x3xf32> {qd.range = array<f64: 0.0, 1.0>}) -> tensor<1x2x3x3xf32> {
  %0 = "qd.mul"(%x, %y) {qd.range = array<f64: 0.0, 1.0>} : (tensor<1x2x1x1xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %0 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @a_constant_operand_becomes_bytes
// CHECK:         "qi.constant"() {value = dense<[{{\[\[\[}}0]], {{\[\[}}-1]]]]> : tensor<1x2x1x1xi8>} : () -> tensor<1x2x1x1x!quant.uniform<u8:f32, 1.000000e+00>>
func.func @a_constant_operand_becomes_bytes(%x: tensor<1x2x3x3xf32> {qd.range = array<f64: 0.0, 1.0>}) -> tensor<1x2x3x3xf32> {
  %c = "qd.constant"() {value = dense<[[[0.0]], [[255.0]]]> : tensor<2x1x1xf32>} : () -> tensor<2x1x1xf32>
  %0 = "qd.add"(%x, %c) {qd.range = array<f64: 0.0, 256.0>} : (tensor<1x2x3x3xf32>, tensor<2x1x1xf32>) -> tensor<1x2x3x3xf32>
  return %0 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @a_clamp_that_no_producer_takes_requantizes
// CHECK:         "qi.requant"({{.*}}) {high = 255 : i64, low = 64 : i64, multiplier = 1073741824 : i64, shift = 29 : i64}
func.func @a_clamp_that_no_producer_takes_requantizes(%x: tensor<1x4xf32> {qd.range = array<f64: -1.0, 0.9921875>}) -> tensor<1x4xf32> {
  %0 = "qd.clamp"(%x) {low = 0.0 : f32, high = 0x7F800000 : f32, qd.range = array<f64: -0.25, 0.74609375>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @a_function_of_one_number_is_a_table
// CHECK:         "qi.table"({{.*}}) {table = dense<"0x{{[0-9A-F]+}}"> : tensor<256xi8>}
func.func @a_function_of_one_number_is_a_table(%x: tensor<1x4xf32> {qd.range = array<f64: -6.0, 6.0>}) -> tensor<1x4xf32> {
  %0 = "qd.sigmoid"(%x) {qd.range = array<f64: 0.0, 1.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}

// Windows at corners, edges and inside hold 1, 2 and 4 real cells.
// CHECK-LABEL: func.func @an_average_has_a_multiplier_for_each_number_of_cells
// CHECK:         "qi.avg_pool"({{.*}}) {count_include_pad = false, counts = array<i64: 1, 2, 4>, {{.*}}multiplier = array<i32: 1073741824, 1073741824, 1073741824>, {{.*}}shift = array<i32: 30, 31, 32>
func.func @an_average_has_a_multiplier_for_each_number_of_cells(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: 0.0, 1.0>}) -> tensor<1x2x3x3xf32> {
  %0 = "qd.avg_pool"(%x) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1, 1, 1>, count_include_pad = false, qd.range = array<f64: 0.0, 1.0>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x3x3xf32>
  return %0 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @a_mean_over_an_image_is_one_window
// CHECK:         %[[M:.+]] = "qi.avg_pool"({{.*}}) {{.*}}kernel = array<i64: 4, 4>
// CHECK-NEXT:    "qi.reshape"(%[[M]]) : (tensor<1x2x1x1x{{.*}}) -> tensor<1x2x
func.func @a_mean_over_an_image_is_one_window(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: 0.0, 1.0>}) -> tensor<1x2xf32> {
  %0 = "qd.reduce_mean"(%x) {axes = array<i64: 2, 3>, keep = false, qd.range = array<f64: 0.0, 1.0>} : (tensor<1x2x4x4xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_padded_zero_is_the_zero_point
// CHECK:         "qi.pad"({{.*}}) {high = array<i64: 0, 0, 1, 0>, low = array<i64: 0, 3, 0, 2>, value = 128 : i64}
func.func @a_padded_zero_is_the_zero_point(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 0.9921875>}) -> tensor<1x5x5x6xf32> {
  %0 = "qd.pad"(%x) {low = array<i64: 0, 3, 0, 2>, high = array<i64: 0, 0, 1, 0>, value = 0.0 : f32, qd.range = array<f64: -1.0, 0.9921875>} : (tensor<1x2x4x4xf32>) -> tensor<1x5x5x6xf32>
  return %0 : tensor<1x5x5x6xf32>
}

// What is NHWC for the model is NHWC in qi, where nothing has to move for it.
// CHECK-LABEL: func.func @a_transpose_keeps_its_permutation
// CHECK:         %[[T:.+]] = "qi.transpose"({{.*}}) {permutation = array<i64: 0, 2, 3, 1>}
// CHECK-NEXT:    "qi.reshape"(%[[T]]) : (tensor<1x2x3x4x{{.*}}) -> tensor<1x6x4x
// CHECK-NEXT:    "qi.dequantize"
func.func @a_transpose_keeps_its_permutation(%x: tensor<1x4x2x3xf32> {qd.range = array<f64: 0.0, 1.0>}) -> tensor<1x6x4xf32> {
  %0 = "qd.transpose"(%x) {permutation = array<i64: 0, 2, 3, 1>, qd.range = array<f64: 0.0, 1.0>} : (tensor<1x4x2x3xf32>) -> tensor<1x2x3x4xf32>
  %1 = "qd.reshape"(%0) {qd.range = array<f64: 0.0, 1.0>} : (tensor<1x2x3x4xf32>) -> tensor<1x6x4xf32>
  return %1 : tensor<1x6x4xf32>
}

// CHECK-LABEL: func.func @slices_are_the_models
// CHECK:         "qi.slice"({{.*}}) {starts = array<i64: 0, 3, 1, 0>, steps = array<i64: 1, 1, 2, 1>}
func.func @slices_are_the_models(%x: tensor<1x4x4x4xf32> {qd.range = array<f64: 0.0, 1.0>}) -> tensor<1x1x2x4xf32> {
  %0 = "qd.slice"(%x) {starts = array<i64: 0, 3, 1, 0>, steps = array<i64: 1, 1, 2, 1>, qd.range = array<f64: 0.0, 1.0>} : (tensor<1x4x4x4xf32>) -> tensor<1x1x2x4xf32>
  return %0 : tensor<1x1x2x4xf32>
}

// CHECK-LABEL: func.func @concatenation_and_pooling_are_along_the_models_dimensions
// CHECK:         %[[P:.+]] = "qi.max_pool"({{.*}}) {{.*}} -> tensor<1x4x2x2x
// CHECK-NEXT:    "qi.concat"(%[[P]], %[[P]]) {axis = 1 : i64}
func.func @concatenation_and_pooling_are_along_the_models_dimensions(%x: tensor<1x4x4x4xf32> {qd.range = array<f64: 0.0, 1.0>}) -> tensor<1x8x1x1xf32> {
  %0 = "qd.max_pool"(%x) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, qd.range = array<f64: 0.0, 1.0>} : (tensor<1x4x4x4xf32>) -> tensor<1x4x2x2xf32>
  %1 = "qd.concat"(%0, %0) {axis = 1 : i64, qd.range = array<f64: 0.0, 1.0>} : (tensor<1x4x2x2xf32>, tensor<1x4x2x2xf32>) -> tensor<1x8x2x2xf32>
  %2 = "qd.max_pool"(%1) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, qd.range = array<f64: 0.0, 1.0>} : (tensor<1x8x2x2xf32>) -> tensor<1x8x1x1xf32>
  return %2 : tensor<1x8x1x1xf32>
}

// CHECK-LABEL: func.func @a_joined_result_is_dequantized_part_by_part
// CHECK:         %[[Q:.+]] = "qi.quantize"
// CHECK-NEXT:    %[[S:.+]] = "qi.table"(%[[Q]])
// CHECK-NEXT:    %[[A:.+]] = "qi.dequantize"(%[[S]]) : (tensor<1x2x!quant.uniform<u8:f32, 0.00392{{.*}}>>) -> tensor<1x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qi.dequantize"(%[[Q]])
// CHECK-NEXT:    %[[J:.+]] = "qi.join"(%[[A]], %[[B]]) {axis = 1 : i64}
// CHECK-NEXT:    return %[[J]]
func.func @a_joined_result_is_dequantized_part_by_part(%x: tensor<1x2xf32> {qd.range = array<f64: 0.0, 640.0>}) -> tensor<1x4xf32> {
  %0 = "qd.sigmoid"(%x) {qd.range = array<f64: 0.0, 1.0>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = "qd.concat"(%0, %x) {axis = 1 : i64, qd.range = array<f64: 0.0, 640.0>} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}

// 0.875 is 7 steps of 1/8, 0.3 two of them; the given steps of the second channel differ from what rounding would make.
// CHECK-LABEL: func.func @weights_have_the_width_and_the_steps_that_were_decided
// CHECK:         "qi.constant"() {value = dense<{{\[\[}}7, 2], [-1, 7]]> : tensor<2x2xi8>} : () -> tensor<2x2x!quant.uniform<i4<-7:7>:f32:0, {1.250000e-01,2.500000e-01}>>
// CHECK:         "qi.linear"({{.*}}form = "wide"
func.func @weights_have_the_width_and_the_steps_that_were_decided(%x: tensor<1x2xf32> {qd.range = array<f64: 0.0, 255.0>}) -> tensor<1x2xf32> {
  %w = "qd.constant"() {value = dense<[[0.875, 0.3], [0.1, 1.75]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.weight_bits = 4 : i64, qd.weight_scale = array<f64: 0.125, 0.25>, qd.weight_steps = dense<[[7, 2], [-1, 7]]> : tensor<2x2xi8>, qd.range = array<f64: -100.0, 500.0>} : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// 126 is 18 times 7; the last channel alone is a group of 1 times 7.
// CHECK-LABEL: func.func @weights_in_groups_are_whole_and_their_groups_beside_them
// CHECK:         "qi.constant"() {qi.group = 16 : i64, qi.group_scales = dense<{{\[\[\[\[}}18, 1]]]]> : tensor<1x1x1x2xi8>, value = dense<{{.*}}> : tensor<1x1x1x17xi8>} : () -> tensor<1x1x1x17x!quant.uniform<i8<-126:126>:f32:0,
func.func @weights_in_groups_are_whole_and_their_groups_beside_them(%x: tensor<1x17x1x1xf32> {qd.range = array<f64: 0.0, 255.0>}) -> tensor<1x1x1x1xf32> {
  %w = "qd.constant"() {value = dense<[[[[126.0]], [[18.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[0.0]], [[7.0]]]]> : tensor<1x17x1x1xf32>} : () -> tensor<1x17x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.weight_bits = 4 : i64, qd.weight_group = 16 : i64, qd.range = array<f64: 0.0, 40000.0>} : (tensor<1x17x1x1xf32>, tensor<1x17x1x1xf32>, tensor<1xf32>) -> tensor<1x1x1x1xf32>
  return %0 : tensor<1x1x1x1xf32>
}

// S_in = 2^-15, S_w = 1/128, S_out = 2^-14: a ratio of 2^-8, and the bias 0.5 is 2^21 steps of 2^-22. The table's input
// has 4 bits of 1/15 and its result 16 of 2^-15: leaky Relu leaves 2 steps as round(2/15 * 2^15).
// CHECK-LABEL: func.func @activations_of_16_and_of_4_bits
// CHECK-NEXT:    %[[Q:.+]] = "qi.quantize"(%arg0) : (tensor<1x1xf32>) -> tensor<1x1x!quant.uniform<i16:f32, 3.0517578125E-5>>
// CHECK:         "qi.constant"() {value = dense<2097152> : tensor<1xi32>}
// CHECK-NEXT:    %[[L:.+]] = "qi.linear"(%[[Q]], {{.*}}) {acc = array<i64: -2064384, 6258561>, form = "wide", high = 32767 : i64, low = 0 : i64, multiplier = array<i32: 1073741824>, shift = array<i32: 38>} : {{.*}} -> tensor<1x1x!quant.uniform<i16:f32, 6.103515625E-5>>
// CHECK-NEXT:    %[[N:.+]] = "qi.requant"(%[[L]]) {high = 15 : i64, low = 0 : i64, {{.*}} -> tensor<1x1x!quant.uniform<u8<0:15>:f32, {{.+}}>>
// CHECK-NEXT:    %[[T:.+]] = "qi.table"(%[[N]]) {table = dense<"0x0000{{.+}}"> : tensor<256xi16>} : {{.*}} -> tensor<1x1x!quant.uniform<i16:f32, 3.0517578125E-5>>
// CHECK-NEXT:    "qi.dequantize"(%[[T]])
func.func @activations_of_16_and_of_4_bits(%x: tensor<1x1xf32> {qd.bits = 16 : i64, qd.range = array<f64: -0.999969482421875, 0.5>}) -> tensor<1x1xf32> {
  %w = "qd.constant"() {value = dense<0.9921875> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b = "qd.constant"() {value = dense<0.5> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w, %b) {qd.range = array<f64: -9.0, 9.0>} : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 0x7F800000 : f32, qd.bits = 16 : i64, qd.range = array<f64: 0.0, 1.99993896484375>} : (tensor<1x1xf32>) -> tensor<1x1xf32>
  %2 = "qd.clamp"(%1) {low = 0.0 : f32, high = 1.0 : f32, qd.bits = 4 : i64, qd.range = array<f64: 0.0, 1.0>} : (tensor<1x1xf32>) -> tensor<1x1xf32>
  %3 = "qd.leaky_relu"(%2) {alpha = 0.5 : f32, qd.bits = 16 : i64, qd.range = array<f64: 0.0, 0.999969482421875>} : (tensor<1x1xf32>) -> tensor<1x1xf32>
  return %3 : tensor<1x1xf32>
}

// Ratios of 1/2 and of 2^-15 over 2/255 (a float32) take all that 31 bits hold; of 8 bits, 15 are enough.
// CHECK-LABEL: func.func @an_addition_of_16_bits_has_fine_multipliers
// CHECK:         "qi.add"({{.*}}) {high = 32767 : i64, low = -32768 : i64, multiplier_a = 1073741824 : i64, multiplier_b = 1073741824 : i64, shift = 31 : i64}
// CHECK-NEXT:    "qi.add"({{.*}}) {high = 255 : i64, low = 0 : i64, multiplier_a = 2139094913 : i64, multiplier_b = 2139094913 : i64, shift = 39 : i64}
func.func @an_addition_of_16_bits_has_fine_multipliers(%x: tensor<1x1xf32> {qd.bits = 16 : i64, qd.range = array<f64: -0.999969482421875, 0.5>}) -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  %0 = "qd.add"(%x, %x) {qd.bits = 16 : i64, qd.range = array<f64: -1.0, 1.99993896484375>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %1 = "qd.add"(%x, %x) {qd.range = array<f64: -1.0, 1.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0, %1 : tensor<1x1xf32>, tensor<1x1xf32>
}

// A layer that stays float keeps its weights (NHWC) and its bias as they are; the clamp is in steps of the result.
// CHECK-LABEL: func.func @what_stays_float_is_an_island_between_integers
// CHECK:         %[[Q:.+]] = "qi.quantize"(%arg0) : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2x!quant.uniform<u8:f32, 1.000000e+00>>
// CHECK-NEXT:    %[[W:.+]] = "qi.constant"() {value = dense<{{\[\[\[\[}}1.500000e+00, 2.500000e-01]]]]> : tensor<1x1x1x2xf32>} : () -> tensor<1x1x1x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qi.constant"() {value = dense<1.000000e-01> : tensor<1xf32>} : () -> tensor<1xf32>
// CHECK-NEXT:    %[[C:.+]] = "qi.float_conv2d"(%[[Q]], %[[W]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, high = 6 : i64, low = 0 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : {{.*}} -> tensor<1x1x2x2x!quant.uniform<i16:f32, 1.000000e+00>>
// The image's bytes stay where they are, and the columns of the weights follow them.
// CHECK-NEXT:    %[[T:.+]] = "qi.transpose"(%[[Q]])
// CHECK-NEXT:    %[[F:.+]] = "qi.reshape"(%[[T]]) : (tensor<1x2x2x2x!quant.uniform<u8:f32, 1.000000e+00>>) -> tensor<1x8x!quant.uniform<u8:f32, 1.000000e+00>>
// CHECK-NEXT:    %[[V:.+]] = "qi.constant"() {value = dense<{{\[\[}}0.000000e+00, 4.000000e+00, 1.000000e+00, 5.000000e+00, 2.000000e+00, 6.000000e+00, 3.000000e+00, 7.000000e+00]]> : tensor<1x8xf32>} : () -> tensor<1x8xf32>
// CHECK-NEXT:    %[[D:.+]] = "qi.constant"() {value = dense<1.000000e-01> : tensor<1xf32>} : () -> tensor<1xf32>
// CHECK-NEXT:    "qi.float_linear"(%[[F]], %[[V]], %[[D]]) {high = 255 : i64, low = 0 : i64} : {{.*}} -> tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>
func.func @what_stays_float_is_an_island_between_integers(%x: tensor<1x2x2x2xf32> {qd.range = array<f64: 0.0, 255.0>}) -> (tensor<1x1x2x2xf32>, tensor<1x1xf32>) {
  %w = "qd.constant"() {value = dense<[[[[1.5]], [[0.25]]]]> : tensor<1x2x1x1xf32>} : () -> tensor<1x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.1> : tensor<1xf32>} : () -> tensor<1xf32>
  %v = "qd.constant"() {value = dense<[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]> : tensor<1x8xf32>} : () -> tensor<1x8xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: 0.0, 500.0>, qd.input_mean = array<f64: 9.0, 9.0>, qd.weight_bits = 32 : i64} : (tensor<1x2x2x2xf32>, tensor<1x2x1x1xf32>, tensor<1xf32>) -> tensor<1x1x2x2xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 6.0 : f32, qd.range = array<f64: 0.0, 32767.0>, qd.bits = 16 : i64} : (tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
  %2 = "qd.reshape"(%x) {qd.range = array<f64: 0.0, 255.0>} : (tensor<1x2x2x2xf32>) -> tensor<1x8xf32>
  %3 = "qd.linear"(%2, %v, %b) {qd.range = array<f64: 0.0, 255.0>, qd.weight_bits = 32 : i64} : (tensor<1x8xf32>, tensor<1x8xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %1, %3 : tensor<1x1x2x2xf32>, tensor<1x1xf32>
}

// S_in = 1/256 and S_out = 1/32: a weight of 1 is 32 steps, with 10 fraction bits of the row and a shift of 19 a gain of
// 32 * 2^9. The bias 0.5 is 16 steps of 2^19; 1e-5 * 4^2 * 256^2 is 10.49. Of the sum, zero point 128 and a half stay.
// CHECK-LABEL: func.func @a_normalization_keeps_its_shift_as_large_as_int32_allows
// CHECK:         %[[Q:.+]] = "qi.quantize"(%arg0) : (tensor<1x2x4xf32>) -> tensor<1x2x4x!quant.uniform<i16:f32, 3.906250e-03>>
// CHECK-NEXT:    %[[G:.+]] = "qi.constant"() {value = dense<[16384, 16384, -8192, 0]> : tensor<4xi32>} : () -> tensor<4xi32>
// CHECK-NEXT:    %[[B:.+]] = "qi.constant"() {value = dense<[8388608, 0, 0, 0]> : tensor<4xi32>} : () -> tensor<4xi32>
// CHECK-NEXT:    "qi.layer_norm"(%[[Q]], %[[G]], %[[B]]) {acc = array<i64: 33800192, 109330432>, centered = true, epsilon = 10 : i64, high = 255 : i64, low = 0 : i64, shift = 19 : i64}
func.func @a_normalization_keeps_its_shift_as_large_as_int32_allows(%x: tensor<1x2x4xf32> {qd.bits = 16 : i64, qd.range = array<f64: -127.99609375, 127.0>}) -> tensor<1x2x4xf32> {
  %w = "qd.constant"() {value = dense<[1.0, 1.0, -0.5, 0.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %b = "qd.constant"() {value = dense<[0.5, 0.0, 0.0, 0.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = "qd.layer_norm"(%x, %w, %b) {epsilon = 1.0e-5 : f32, qd.range = array<f64: -4.0, 3.96875>} : (tensor<1x2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x2x4xf32>
  return %0 : tensor<1x2x4xf32>
}

// CHECK-LABEL: func.func @a_root_mean_square_is_not_centered
// CHECK:         "qi.layer_norm"({{.*}}centered = false{{.*}}) -> tensor<1x2x4x!quant.uniform<i16:f32,
func.func @a_root_mean_square_is_not_centered(%x: tensor<1x2x4xf32> {qd.range = array<f64: -1.0, 1.0>}) -> tensor<1x2x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<4xf32>} : () -> tensor<4xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = "qd.rms_norm"(%x, %w, %b) {epsilon = 0.0 : f32, qd.bits = 16 : i64, qd.range = array<f64: -1.0, 1.0>} : (tensor<1x2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x2x4xf32>
  return %0 : tensor<1x2x4xf32>
}

// Columns of a table have a scale each, 1/128 and 1/256; of 16 bits with a step of 1/512 that is 4 and 2 steps.
// CHECK-LABEL: func.func @an_embedding_looks_up_bytes_of_ids
// CHECK-NEXT:    %[[I:.+]] = "qi.ids"(%arg0) : (tensor<1x3xi32>) -> tensor<1x3x4x!quant.uniform<u8:f32, 1.000000e+00>>
// CHECK-NEXT:    %[[T:.+]] = "qi.constant"() {value = dense<{{\[\[}}127, 127], [0, -127]]> : tensor<2x2xi8>} : () -> tensor<2x2x!quant.uniform<i8<-127:127>:f32:1, {7.812500e-03,3.906250e-03}>>
// CHECK-NEXT:    %[[E:.+]] = "qi.embedding"(%[[I]], %[[T]]) {high = 32767 : i64, low = -32768 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 28, 29>} : {{.*}} -> tensor<1x3x2x!quant.uniform<i16:f32, 0.001953125>>
// CHECK-NEXT:    %[[F:.+]] = "qi.dequantize"(%[[E]])
// CHECK-NEXT:    return %[[F]]
func.func @an_embedding_looks_up_bytes_of_ids(%ids: tensor<1x3xi32> {qd.dtype = "int64"}) -> tensor<1x3x2xf32> {
  %t = "qd.constant"() {value = dense<[[0.9921875, 0.49609375], [0.0, -0.49609375]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = "qd.embedding"(%ids, %t) {qd.bits = 16 : i64, qd.range = array<f64: -1.0, 63.998046875>} : (tensor<1x3xi32>, tensor<2x2xf32>) -> tensor<1x3x2xf32>
  return %0 : tensor<1x3x2xf32>
}

// A score's step is 1/128 * 1/128 * 1/2 = 2^-15, and 2^-15 * log2(e) * 2048 * 2^18 = 23637.1. Scores are in [-65024, 65536]. A bias of -1/4 is 8192
// steps below 0, minus infinity no key at all: -2^30. V's step over the result's: 1/128 over 1/128.
// CHECK-LABEL: func.func @attention_is_one_op
// CHECK:         %[[Q:.+]] = "qi.quantize"
// CHECK-DAG:     %[[B:.+]] = "qi.constant"() {value = dense<{{.*}}0, -8192, -1073741824{{.*}}> : tensor<1x1x3xi32>}
// CHECK-DAG:     %[[V:.+]] = "qi.constant"() {value = dense<1> : tensor<1x1x1xi8>} : () -> tensor<1x1x1x!quant.uniform<u8<0:1>:f32, 1.000000e+00>>
// CHECK:         "qi.attention"(%[[Q]], %[[Q]], %[[Q]], %[[B]], %[[V]]) {acc = array<i64: -204288, 204288>, distance_multiplier = 23637 : i64, distance_shift = 18 : i64, farthest = 138752 : i64, high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 30 : i64}
func.func @attention_is_one_op(%x: tensor<1x3x4xf32> {qd.range = array<f64: -1.0, 0.9921875>}) -> tensor<1x3x4xf32> {
  %b = "qd.constant"() {value = dense<[[[0.0, -0.25, 0xFF800000]]]> : tensor<1x1x3xf32>} : () -> tensor<1x1x3xf32>
  %v = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.attention"(%x, %x, %x, %b, %v) {scale = 0.5 : f64, qd.range = array<f64: -1.0, 0.9921875>} : (tensor<1x3x4xf32>, tensor<1x3x4xf32>, tensor<1x3x4xf32>, tensor<1x1x3xf32>, tensor<1xf32>) -> tensor<1x3x4xf32>
  return %0 : tensor<1x3x4xf32>
}

// S_a = S_b = 1/64 with zero points 64 and 0, S_out = 1/2: a ratio of 2^-11, and sums of two products in [-64 * 255, 191 * 255] each.
// CHECK-LABEL: func.func @a_product_of_two_computed_tensors
// CHECK:         "qi.matmul"({{.*}}) {acc = array<i64: -32640, 97410>, high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 41 : i64}
func.func @a_product_of_two_computed_tensors(%a: tensor<1x3x2xf32> {qd.range = array<f64: -1.0, 2.984375>}, %b: tensor<1x2x3xf32> {qd.range = array<f64: 0.0, 3.984375>}) -> tensor<1x3x3xf32> {
  %0 = "qd.matmul"(%a, %b) {qd.range = array<f64: -4.0, 123.5>} : (tensor<1x3x2xf32>, tensor<1x2x3xf32>) -> tensor<1x3x3xf32>
  return %0 : tensor<1x3x3xf32>
}

// Distances of 16 bits have two tables, of steps of 1/256 and of 1; S_out = 1/256 is 2^30 / 2^22.
// CHECK-LABEL: func.func @a_softmax_of_its_own
// CHECK:         %[[T:.+]] = "qi.transpose"({{.*}}) {permutation = array<i64: 0, 2, 1>}
// CHECK-NEXT:    %[[S:.+]] = "qi.softmax"(%[[T]]) {high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 22 : i64, table = dense<"0x00000040F51FC03F{{[0-9A-F]+}}"> : tensor<2x256xi32>}
// CHECK-NEXT:    "qi.transpose"(%[[S]]) {permutation = array<i64: 0, 2, 1>}
func.func @a_softmax_of_its_own(%x: tensor<1x3x2xf32> {qd.bits = 16 : i64, qd.range = array<f64: -127.99609375, 127.0>}) -> tensor<1x3x2xf32> {
  %0 = "qd.softmax"(%x) {axis = 1 : i64, qd.range = array<f64: 0.0, 0.99609375>} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %0 : tensor<1x3x2xf32>
}

// 1 is 127.501 steps: a sum with a rounded factor or a rounded 1 would be below the half.
// CHECK-LABEL: func.func @a_shift_of_all_alike_into_a_given_scale_is_a_table
// CHECK:         %[[T:.+]] = "qi.table"({{.*}}) {table = dense<"0x00010203{{[0-9A-F]+}}FDFEFF"> : tensor<256xi8>}
// CHECK-NEXT:    "qi.dequantize"(%[[T]])
func.func @a_shift_of_all_alike_into_a_given_scale_is_a_table(%x: tensor<1x2xf32> {qd.given = array<f64: 0.0078430548310279846, 128.0, 8.0>}) -> tensor<1x2xf32> {
  %one = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %one, %one) {axis = 1 : i64, qd.given = array<f64: 0.0078430548310279846, 0.0, 8.0>} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
