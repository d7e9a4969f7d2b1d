// RUN: not dyadic-opt --split-input-file %s | filecheck %s

// One broken use of every op: what is said names the user's layer, what is wrong, and what was seen.

// CHECK: error: "/constant_without_a_value": 'qi.constant' op attribute "value" is expected but not provided
func.func @constant_without_a_value() {
  %r = "qi.constant"() : () -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/constant_without_a_value")
  return
}

// -----

// CHECK: error: "/quantize_to_float": 'qi.quantize' op must make a quantized activation of its input's shape, not tensor<1x4xf32>
func.func @quantize_to_float(%a: tensor<1x4xf32>) {
  %r = "qi.quantize"(%a) : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("/quantize_to_float")
  return
}

// -----

// CHECK: error: "/dequantize_of_float": 'qi.dequantize' op must read a quantized activation of its result's shape, not tensor<1x4xf32>
func.func @dequantize_of_float(%a: tensor<1x4xf32>) {
  %r = "qi.dequantize"(%a) : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("/dequantize_of_float")
  return
}

// -----

// CHECK: error: "/conv2d_that_may_overflow": 'qi.conv2d' op accumulator interval [-9000, 2147483648] leaves int32
func.func @conv2d_that_may_overflow(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>) {
  %r = "qi.conv2d"(%a, %b, %c) {channels_last, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>, high = 255 : i64, low = 0 : i64, acc = array<i64: -9000, 2147483648>, form = "wide", multiplier = array<i32: 1073741824, 1073741824, 0>, shift = array<i32: 33, 34, 2>} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>) -> tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>> loc("/conv2d_that_may_overflow")
  return
}

// -----

// CHECK: error: "/conv2d_with_unsigned_weights": 'qi.conv2d' op needs signed weights with one scale a channel, got tensor<3x3x3x2x!quant.uniform<u8:f32, 5.000000e-01:3>>
func.func @conv2d_with_unsigned_weights(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x3x3x2x!quant.uniform<u8:f32, 0.5:3>>, %c: tensor<3xi32>) {
  %r = "qi.conv2d"(%a, %b, %c) {channels_last, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>, high = 255 : i64, low = 0 : i64, acc = array<i64: -9000, 9000>, form = "wide", multiplier = array<i32: 1, 1, 0>, shift = array<i32: 33, 34, 2>} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x3x3x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3xi32>) -> tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>> loc("/conv2d_with_unsigned_weights")
  return
}

// -----

// CHECK: error: "/conv_add_of_another_size": 'qi.conv_add' op residual [1, 4, 4, 1] must have the result's shape [1, 4, 4, 3]
func.func @conv_add_of_another_size(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>, %d: tensor<1x4x4x1x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.conv_add"(%a, %b, %c, %d) {channels_last, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>, high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, multiplier = array<i32: 1, 1, 0>, shift = array<i32: 33, 34, 2>, residual_multiplier = array<i32: 1, 1, 1>, residual_shift = 0 : i64} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>, tensor<1x4x4x1x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>> loc("/conv_add_of_another_size")
  return
}

// -----

// CHECK: error: "/linear_add_of_another_size": 'qi.linear_add' op residual [1, 4] must have the result's shape [1, 3]
func.func @linear_add_of_another_size(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>) {
  %r = "qi.linear_add"(%a, %b, %c, %a) {high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, multiplier = array<i32: 1, 1, 0>, shift = array<i32: 33, 34, 2>, residual_multiplier = array<i32: 1, 1, 1>, residual_shift = 0 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>, tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/linear_add_of_another_size")
  return
}

// -----

// CHECK: error: "/conv_add_with_a_negative_residual": 'qi.conv_add' op needs 3 residual multipliers >= 0 and a shift in [0, 16] or 32, got [1, 1, -1], 0
func.func @conv_add_with_a_negative_residual(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>, %d: tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.conv_add"(%a, %b, %c, %d) {channels_last, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>, high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, multiplier = array<i32: 1, 1, 0>, shift = array<i32: 33, 34, 2>, residual_multiplier = array<i32: 1, 1, -1>, residual_shift = 0 : i64} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>, tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>> loc("/conv_add_with_a_negative_residual")
  return
}

// -----

// CHECK: error: "/conv_add_with_a_shift_between": 'qi.conv_add' op needs 3 residual multipliers >= 0 and a shift in [0, 16] or 32, got [1, 1, 1], 17
func.func @conv_add_with_a_shift_between(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>, %d: tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.conv_add"(%a, %b, %c, %d) {channels_last, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>, high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, multiplier = array<i32: 1, 1, 0>, shift = array<i32: 33, 34, 35>, residual_multiplier = array<i32: 1, 1, 1>, residual_shift = 17 : i64} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>, tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>> loc("/conv_add_with_a_shift_between")
  return
}

// -----

// CHECK: error: "/conv_add_with_a_large_residual_in_the_high_half": 'qi.conv_add' op residual shift 32 needs residual multipliers below 2^15 and shifts in [33, 53], got 32768 and [33, 35]
func.func @conv_add_with_a_large_residual_in_the_high_half(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>, %d: tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.conv_add"(%a, %b, %c, %d) {channels_last, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>, high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, multiplier = array<i32: 1, 1, 0>, shift = array<i32: 33, 34, 35>, residual_multiplier = array<i32: 1, 32768, 1>, residual_shift = 32 : i64} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>, tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>> loc("/conv_add_with_a_large_residual_in_the_high_half")
  return
}

// -----

// CHECK: error: "/conv_add_without_a_high_half": 'qi.conv_add' op residual shift 32 needs residual multipliers below 2^15 and shifts in [33, 53], got 32767 and [32, 53]
func.func @conv_add_without_a_high_half(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>, %d: tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.conv_add"(%a, %b, %c, %d) {channels_last, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>, high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, multiplier = array<i32: 1, 1, 0>, shift = array<i32: 33, 53, 32>, residual_multiplier = array<i32: 1, 32767, 1>, residual_shift = 32 : i64} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>, tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>> loc("/conv_add_without_a_high_half")
  return
}

// -----

// CHECK: error: "/linear_with_too_few_multipliers": 'qi.linear' op needs 3 multipliers and shifts, got 2 and 2
func.func @linear_with_too_few_multipliers(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>) {
  %r = "qi.linear"(%a, %b, %c) {high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, form = "wide", multiplier = array<i32: 1, 1>, shift = array<i32: 33, 34>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/linear_with_too_few_multipliers")
  return
}

// -----

// CHECK: error: "/linear_of_an_unknown_form": 'qi.linear' op form must be "wide" or "short", got "long"
func.func @linear_of_an_unknown_form(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>) {
  %r = "qi.linear"(%a, %b, %c) {high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, form = "long", multiplier = array<i32: 1, 1, 1>, shift = array<i32: 33, 34, 35>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/linear_of_an_unknown_form")
  return
}

// -----

// CHECK: error: "/add_with_a_large_multiplier": 'qi.add' op multipliers 32768, 1 must be below 2^15 in size
func.func @add_with_a_large_multiplier(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.add"(%a, %b) {high = 255 : i64, low = 0 : i64, multiplier_a = 32768 : i64, multiplier_b = 1 : i64, shift = 14 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/add_with_a_large_multiplier")
  return
}

// -----

// CHECK: error: "/add_with_a_large_shift": 'qi.add' op shift 31 must lie in [2, 30]: the sum is int32
func.func @add_with_a_large_shift(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.add"(%a, %b) {high = 255 : i64, low = 0 : i64, multiplier_a = 32767 : i64, multiplier_b = 1 : i64, shift = 31 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/add_with_a_large_shift")
  return
}

// -----

// CHECK: error: "/mul_of_shapes_that_do_not_broadcast": 'qi.mul' op a [1, 1] and b [1, 3] do not broadcast to [1, 4]
func.func @mul_of_shapes_that_do_not_broadcast(%a: tensor<1x1x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x3x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.mul"(%a, %b) {high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 31 : i64} : (tensor<1x1x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x3x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/mul_of_shapes_that_do_not_broadcast")
  return
}

// -----

// CHECK: error: "/requant_by_a_shift_of_one": 'qi.requant' op multipliers must not be negative and shifts must lie in [2, 62], got 1073741824 and [1, 1]
func.func @requant_by_a_shift_of_one(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.requant"(%a) {high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 1 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/requant_by_a_shift_of_one")
  return
}

// -----

// CHECK: error: "/requant_with_a_clamp_beyond_u8": 'qi.requant' op clamp [0, 256] leaves [0, 255]
func.func @requant_with_a_clamp_beyond_u8(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.requant"(%a) {high = 256 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 31 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/requant_with_a_clamp_beyond_u8")
  return
}

// -----

// CHECK: error: "/table_of_too_few": 'qi.table' op table has shape [255], needs 256 entries
func.func @table_of_too_few(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.table"(%a) {table = dense<9> : tensor<255xi8>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/table_of_too_few")
  return
}

// -----

// CHECK: error: "/concat_of_two_scales": 'qi.concat' op inputs must have the result's scale and zero point; requantize them in their producers
func.func @concat_of_two_scales(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x3x!quant.uniform<u8:f32, 0.25:3>>) {
  %r = "qi.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x3x!quant.uniform<u8:f32, 0.25:3>>) -> tensor<1x7x!quant.uniform<u8:f32, 0.5:3>> loc("/concat_of_two_scales")
  return
}

// -----

// CHECK: error: "/pad_with_a_value_beyond_u8": 'qi.pad' op value -1 leaves [0, 255]
func.func @pad_with_a_value_beyond_u8(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.pad"(%a) {high = array<i64: 0, 1>, low = array<i64: 0, 1>, value = -1 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x6x!quant.uniform<u8:f32, 0.5:3>> loc("/pad_with_a_value_beyond_u8")
  return
}

// -----

// CHECK: error: "/max_pool_that_changes_the_scale": 'qi.max_pool' op moves !quant.uniform<u8:f32, 5.000000e-01:3> and cannot make !quant.uniform<u8:f32, 2.500000e-01:3> of it
func.func @max_pool_that_changes_the_scale(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.max_pool"(%a) {channels_last, dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x2x2x!quant.uniform<u8:f32, 0.25:3>> loc("/max_pool_that_changes_the_scale")
  return
}

// -----

// CHECK: error: "/avg_pool_without_a_multiplier": 'qi.avg_pool' op needs one multiplier and one shift per count, got [9, 4], [1908874354], [34]
func.func @avg_pool_without_a_multiplier(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.avg_pool"(%a) {channels_last, count_include_pad = false, counts = array<i64: 9, 4>, high = 255 : i64, low = 0 : i64, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>, multiplier = array<i32: 1908874354>, shift = array<i32: 34>} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x2x2x!quant.uniform<u8:f32, 0.5:3>> loc("/avg_pool_without_a_multiplier")
  return
}

// -----

// CHECK: error: "/reshape_of_too_many": 'qi.reshape' op [1, 4] and [1, 5] do not hold the same numbers with the batch in place
func.func @reshape_of_too_many(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.reshape"(%a) : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x5x!quant.uniform<u8:f32, 0.5:3>> loc("/reshape_of_too_many")
  return
}

// -----

// CHECK: error: "/transpose_of_the_batch": 'qi.transpose' op [1, 0, 2] does not permute the dimensions of [1, 4, 2] with the batch in place
func.func @transpose_of_the_batch(%a: tensor<1x4x2x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.transpose"(%a) {permutation = array<i64: 1, 0, 2>} : (tensor<1x4x2x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<4x1x2x!quant.uniform<u8:f32, 0.5:3>> loc("/transpose_of_the_batch")
  return
}

// -----

// CHECK: error: "/slice_beyond_the_end": 'qi.slice' op starts [0, 1], steps [1, 2] leave [1, 4]
func.func @slice_beyond_the_end(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.slice"(%a) {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/slice_beyond_the_end")
  return
}

// -----

// CHECK: error: "/launch_of_half_a_place": 'qi.launch' op out [1, 0] and inputs [0, 0, 1] must be pairs of buffer and offset
func.func @launch_of_half_a_place() {
  "qi.launch"() {constant, inputs = array<i64: 0, 0, 1>, kernel = "k", layer = "/first", macs = 0 : i64, op = "qi.requant", out = array<i64: 1, 0>, overlap = false, params, spec = {}, tiles = 4 : i64, weights} : () -> () loc("/launch_of_half_a_place")
  return
}

// -----

// CHECK: error: "/linear_that_narrows_sums_of_8_bits": 'qi.linear' op acc_shift 1 must lie in [0, 0] for inputs of tensor<1x4x!quant.uniform<u8:f32, 5.000000e-01:3>>
func.func @linear_that_narrows_sums_of_8_bits(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>) {
  %r = "qi.linear"(%a, %b, %c) {high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, acc_shift = 1 : i64, form = "wide", multiplier = array<i32: 1, 1, 1>, shift = array<i32: 33, 34, 35>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/linear_that_narrows_sums_of_8_bits")
  return
}

// -----

// CHECK: error: "/linear_that_narrows_beyond_a_byte": 'qi.linear' op acc_shift 9 must lie in [0, 8] for inputs of tensor<1x4x!quant.uniform<i16:f32, 5.000000e-01>>
func.func @linear_that_narrows_beyond_a_byte(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %b: tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xi32>) {
  %r = "qi.linear"(%a, %b, %c) {high = 255 : i64, low = 0 : i64, acc = array<i64: 0, 9>, acc_shift = 9 : i64, form = "wide", multiplier = array<i32: 1, 1, 1>, shift = array<i32: 33, 34, 35>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<3x4x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xi32>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/linear_that_narrows_beyond_a_byte")
  return
}

// -----

// CHECK: error: "/requant_to_4_bits_with_a_clamp_of_8": 'qi.requant' op clamp [0, 16] leaves [0, 15]
func.func @requant_to_4_bits_with_a_clamp_of_8(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.requant"(%a) {high = 16 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 31 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8<0:15>:f32, 0.5:3>> loc("/requant_to_4_bits_with_a_clamp_of_8")
  return
}

// -----

// CHECK: error: "/requant_to_16_bits_with_a_zero_point": 'qi.requant' op must make a quantized activation, not tensor<1x4x!quant.uniform<i16:f32, 5.000000e-01:3>>
func.func @requant_to_16_bits_with_a_zero_point(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.requant"(%a) {high = 16 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 31 : i64} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i16:f32, 0.5:3>> loc("/requant_to_16_bits_with_a_zero_point")
  return
}

// -----

// CHECK: error: "/table_of_16_bits": 'qi.table' op must map activations of at most 8 bits, not tensor<1x4x!quant.uniform<i16:f32, 5.000000e-01>> --> tensor<1x4x!quant.uniform<u8:f32, 5.000000e-01:3>>
func.func @table_of_16_bits(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.table"(%a) {table = dense<9> : tensor<256xi8>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/table_of_16_bits")
  return
}

// -----

// CHECK: error: "/lines_of_8_bits": 'qi.piecewise_linear' op must map an activation of 16 bits to its shape, not tensor<1x4x!quant.uniform<u8:f32, 5.000000e-01:3>> --> tensor<1x4x!quant.uniform<u8:f32, 5.000000e-01:3>>
func.func @lines_of_8_bits(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.piecewise_linear"(%a) {high = 15 : i64, low = 0 : i64, table = dense<9> : tensor<704x2xi32>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/lines_of_8_bits")
  return
}

// -----

// CHECK: error: "/too_few_lines": 'qi.piecewise_linear' op table of tensor<705x2xi32> must be [704, 2], [2304, 2] or [7168, 2] of i32
func.func @too_few_lines(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.piecewise_linear"(%a) {high = 15 : i64, low = 0 : i64, table = dense<9> : tensor<705x2xi32>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/too_few_lines")
  return
}

// -----

// CHECK: error: "/lines_too_steep": 'qi.piecewise_linear' op a line leaves [-2^30, 2^30]: its values must be below 2^16
func.func @lines_too_steep(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.piecewise_linear"(%a) {high = 15 : i64, low = 0 : i64, table = dense<2200000> : tensor<704x2xi32>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/lines_too_steep")
  return
}

// -----

// CHECK: error: "/divided_by_8_bits": 'qi.div' op must divide by an activation of 16 bits, not tensor<1x4x!quant.uniform<u8:f32, 5.000000e-01:3>>
func.func @divided_by_8_bits(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.div"(%a, %a) {high = 15 : i64, low = 0 : i64, shift = 20 : i64, table = dense<9> : tensor<2304x2xi32>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/divided_by_8_bits")
  return
}

// -----

// CHECK: error: "/divided_with_too_large_multipliers": 'qi.div' op a multiplier or what is added to it leaves 31 bits
func.func @divided_with_too_large_multipliers(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.div"(%a, %a) {high = 15 : i64, low = 0 : i64, shift = 20 : i64, table = dense<2147483647> : tensor<2304x2xi32>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/divided_with_too_large_multipliers")
  return
}

// -----

// CHECK: error: "/table_of_bytes_for_16_bits": 'qi.table' op table of i8 needs entries of 16 bits
func.func @table_of_bytes_for_16_bits(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.table"(%a) {table = dense<9> : tensor<256xi8>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<i16:f32, 0.5>> loc("/table_of_bytes_for_16_bits")
  return
}

// -----

// CHECK: error: "/add_of_16_bits_with_a_shift_of_63": 'qi.add' op shift 63 must lie in [2, 62]: the sum is int64
func.func @add_of_16_bits_with_a_shift_of_63(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %b: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.add"(%a, %b) {high = 255 : i64, low = 0 : i64, multiplier_a = 2147483647 : i64, multiplier_b = -2147483647 : i64, shift = 63 : i64} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/add_of_16_bits_with_a_shift_of_63")
  return
}

// -----

// CHECK: error: "/float_conv2d_with_integer_weights": 'qi.float_conv2d' op needs weights of f32, got tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>
func.func @float_conv2d_with_integer_weights(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, %c: tensor<3xf32>) {
  %r = "qi.float_conv2d"(%a, %b, %c) {channels_last, dilation = array<i64: 1, 1>, groups = 1 : i64, high = 255 : i64, low = 0 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x3x3x2x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.25, 0.25}>>, tensor<3xf32>) -> tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>> loc("/float_conv2d_with_integer_weights")
  return
}

// -----

// CHECK: error: "/float_conv2d_that_misses_a_row": 'qi.float_conv2d' op result is 5 along spatial dimension 0, the windows make 4
func.func @float_conv2d_that_misses_a_row(%a: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x3x3x2xf32>, %c: tensor<3xf32>) {
  %r = "qi.float_conv2d"(%a, %b, %c) {channels_last, dilation = array<i64: 1, 1>, groups = 1 : i64, high = 255 : i64, low = 0 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x3x3x2xf32>, tensor<3xf32>) -> tensor<1x5x4x3x!quant.uniform<u8:f32, 0.5:3>> loc("/float_conv2d_that_misses_a_row")
  return
}

// -----

// CHECK: error: "/float_linear_with_an_integer_bias": 'qi.float_linear' op needs a bias tensor<3xf32>, got tensor<3xi32>
func.func @float_linear_with_an_integer_bias(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x4xf32>, %c: tensor<3xi32>) {
  %r = "qi.float_linear"(%a, %b, %c) {high = 255 : i64, low = 0 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x4xf32>, tensor<3xi32>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/float_linear_with_an_integer_bias")
  return
}

// -----

// CHECK: error: "/float_linear_of_floats": 'qi.float_linear' op must read a quantized activation, not tensor<1x4xf32>
func.func @float_linear_of_floats(%a: tensor<1x4xf32>, %b: tensor<3x4xf32>, %c: tensor<3xf32>) {
  %r = "qi.float_linear"(%a, %b, %c) {high = 255 : i64, low = 0 : i64} : (tensor<1x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/float_linear_of_floats")
  return
}

// -----

// CHECK: error: "/float_linear_of_another_depth": 'qi.float_linear' op shapes do not fit: x [1, 4], weight [3, 5], result [1, 3]
func.func @float_linear_of_another_depth(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x5xf32>, %c: tensor<3xf32>) {
  %r = "qi.float_linear"(%a, %b, %c) {high = 255 : i64, low = 0 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x5xf32>, tensor<3xf32>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/float_linear_of_another_depth")
  return
}

// -----

// CHECK: error: "/float_linear_with_a_clamp_beyond_u8": 'qi.float_linear' op clamp [0, 256] leaves [0, 255]
func.func @float_linear_with_a_clamp_beyond_u8(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<3x4xf32>, %c: tensor<3xf32>) {
  %r = "qi.float_linear"(%a, %b, %c) {high = 256 : i64, low = 0 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/float_linear_with_a_clamp_beyond_u8")
  return
}

// -----

// CHECK: error: "/join_of_integers": 'qi.join' op must join float32, not tensor<1x4x!quant.uniform<u8:f32, 5.000000e-01:3>> and tensor<1x3xf32>
func.func @join_of_integers(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x3xf32>) {
  %r = "qi.join"(%a, %b) {axis = 1 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x3xf32>) -> tensor<1x7xf32> loc("/join_of_integers")
  return
}

// -----

// CHECK: error: "/join_that_does_not_fit": 'qi.join' op inputs [1, 4] and [1, 3] do not make [1, 8] along axis 1
func.func @join_that_does_not_fit(%a: tensor<1x4xf32>, %b: tensor<1x3xf32>) {
  %r = "qi.join"(%a, %b) {axis = 1 : i64} : (tensor<1x4xf32>, tensor<1x3xf32>) -> tensor<1x8xf32> loc("/join_that_does_not_fit")
  return
}

// -----

// CHECK: error: "/ids_of_two_bytes": 'qi.ids' op must make four bytes of each i32, not tensor<1x3x2x!quant.uniform<u8:f32, 1.000000e+00>> of tensor<1x3xi32>
func.func @ids_of_two_bytes(%a: tensor<1x3xi32>) {
  %r = "qi.ids"(%a) : (tensor<1x3xi32>) -> tensor<1x3x2x!quant.uniform<u8:f32, 1.0>> loc("/ids_of_two_bytes")
  return
}

// -----

// CHECK: error: "/table_that_does_not_fit": 'qi.embedding' op shapes do not fit: ids [1, 3, 4], table [5, 2], result [1, 3, 3]
func.func @table_that_does_not_fit(%a: tensor<1x3x4x!quant.uniform<u8:f32, 1.0>>, %b: tensor<5x2x!quant.uniform<i8<-127:127>:f32:1, {0.25,0.5}>>) {
  %r = "qi.embedding"(%a, %b) {high = 255 : i64, low = 0 : i64, multiplier = array<i32: 7, 7>, shift = array<i32: 20, 21>} : (tensor<1x3x4x!quant.uniform<u8:f32, 1.0>>, tensor<5x2x!quant.uniform<i8<-127:127>:f32:1, {0.25,0.5}>>) -> tensor<1x3x3x!quant.uniform<u8:f32, 0.5:3>> loc("/table_that_does_not_fit")
  return
}

// -----

// CHECK: error: "/table_with_a_scale_a_row": 'qi.embedding' op needs a signed table with one scale a column, got tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,5.000000e-01}>>
func.func @table_with_a_scale_a_row(%a: tensor<1x3x4x!quant.uniform<u8:f32, 1.0>>, %b: tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {0.25,0.5}>>) {
  %r = "qi.embedding"(%a, %b) {high = 255 : i64, low = 0 : i64, multiplier = array<i32: 7, 7>, shift = array<i32: 20, 21>} : (tensor<1x3x4x!quant.uniform<u8:f32, 1.0>>, tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {0.25,0.5}>>) -> tensor<1x3x2x!quant.uniform<u8:f32, 0.5:3>> loc("/table_with_a_scale_a_row")
  return
}

// -----

// CHECK: error: "/repeat_of_too_few": 'qi.repeat' op needs how often each dimension of [1, 4] is repeated, the batch once, got [1]
func.func @repeat_of_too_few(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.repeat"(%a) {times = array<i64: 1>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/repeat_of_too_few")
  return
}

// -----

// CHECK: error: "/take_of_too_many": 'qi.take' op makes [1, 2], not [1, 3]
func.func @take_of_too_many(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.take"(%a) {axis = 1 : i64, places = array<i64: 0, 3>} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>> loc("/take_of_too_many")
  return
}

// -----

// CHECK: error: "/interpolate_by_too_much": 'qi.interpolate' op multiplier 32768 must be below 2^15 and shift 14 in [1, 30]
func.func @interpolate_by_too_much(%x: tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.interpolate"(%x) {channels_last, column_shares = array<i32: 0, 8192>, columns = array<i64: 0, 4>, high = 255 : i64, low = 0 : i64, multiplier = 32768 : i64, row_shares = array<i32: 32768>, rows = array<i64: 5>, shift = 14 : i64} : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x2x2x!quant.uniform<u8:f32, 0.5:3>> loc("/interpolate_by_too_much")
  return
}
