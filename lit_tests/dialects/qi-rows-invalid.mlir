// RUN: not dyadic-opt --split-input-file %s | filecheck %s

// CHECK: error: "/layer_norm_of_too_many": 'qi.layer_norm' op normalizes rows of 1048576 numbers, needs 1 to 1048575
func.func @layer_norm_of_too_many(%a: tensor<1x1048576x!quant.uniform<i16:f32, 0.5>>, %b: tensor<1048576xi32>) {
  %r = "qi.layer_norm"(%a, %b, %b) {acc = array<i64: -9000, 9000>, centered = true, epsilon = 12 : i64, high = 255 : i64, low = 0 : i64, shift = 11 : i64} : (tensor<1x1048576x!quant.uniform<i16:f32, 0.5>>, tensor<1048576xi32>, tensor<1048576xi32>) -> tensor<1x1048576x!quant.uniform<u8:f32, 0.5:3>> loc("/layer_norm_of_too_many")
  return
}

// -----

// CHECK: error: "/layer_norm_with_a_gain_of_another_length": 'qi.layer_norm' op needs a gain tensor<4xi32>, got tensor<5xi32>
func.func @layer_norm_with_a_gain_of_another_length(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %b: tensor<5xi32>) {
  %r = "qi.layer_norm"(%a, %b, %b) {acc = array<i64: -9000, 9000>, centered = true, epsilon = 12 : i64, high = 255 : i64, low = 0 : i64, shift = 11 : i64} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<5xi32>, tensor<5xi32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/layer_norm_with_a_gain_of_another_length")
  return
}

// -----

// CHECK: error: "/layer_norm_without_epsilon": 'qi.layer_norm' op epsilon 0 must lie in [1, 2^62]
func.func @layer_norm_without_epsilon(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %b: tensor<4xi32>) {
  %r = "qi.layer_norm"(%a, %b, %b) {acc = array<i64: -9000, 9000>, centered = true, epsilon = 0 : i64, high = 255 : i64, low = 0 : i64, shift = 11 : i64} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/layer_norm_without_epsilon")
  return
}

// -----

// CHECK: error: "/layer_norm_with_a_shift_beyond_int32": 'qi.layer_norm' op shift 31 must lie in [2, 30]: the sum is int32
func.func @layer_norm_with_a_shift_beyond_int32(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %b: tensor<4xi32>) {
  %r = "qi.layer_norm"(%a, %b, %b) {acc = array<i64: -9000, 9000>, centered = true, epsilon = 12 : i64, high = 255 : i64, low = 0 : i64, shift = 31 : i64} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/layer_norm_with_a_shift_beyond_int32")
  return
}

// -----

// CHECK: error: "/layer_norm_that_overflows": 'qi.layer_norm' op accumulator interval [-9000, 2147483648] leaves int32
func.func @layer_norm_that_overflows(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %b: tensor<4xi32>) {
  %r = "qi.layer_norm"(%a, %b, %b) {acc = array<i64: -9000, 2147483648>, centered = true, epsilon = 12 : i64, high = 255 : i64, low = 0 : i64, shift = 11 : i64} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/layer_norm_that_overflows")
  return
}

// -----

// CHECK: error: "/layer_norm_with_a_clamp_beyond_u8": 'qi.layer_norm' op clamp [0, 256] leaves [0, 255]
func.func @layer_norm_with_a_clamp_beyond_u8(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %b: tensor<4xi32>) {
  %r = "qi.layer_norm"(%a, %b, %b) {acc = array<i64: -9000, 9000>, centered = true, epsilon = 12 : i64, high = 256 : i64, low = 0 : i64, shift = 11 : i64} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/layer_norm_with_a_clamp_beyond_u8")
  return
}

// -----

// CHECK: error: "/layer_norm_of_floats": 'qi.layer_norm' op must make an activation of its input's shape, not tensor<1x4xf32> --> tensor<1x4x!quant.uniform<u8:f32, 5.000000e-01:3>>
func.func @layer_norm_of_floats(%a: tensor<1x4xf32>, %b: tensor<4xi32>) {
  %r = "qi.layer_norm"(%a, %b, %b) {acc = array<i64: -9000, 9000>, centered = true, epsilon = 12 : i64, high = 255 : i64, low = 0 : i64, shift = 11 : i64} : (tensor<1x4xf32>, tensor<4xi32>, tensor<4xi32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/layer_norm_of_floats")
  return
}

// -----

// CHECK: error: "/matmul_that_does_not_fit": 'qi.matmul' op shapes do not fit: a [1, 2, 3], b [1, 4, 3], result [1, 2, 4]
func.func @matmul_that_does_not_fit(%a: tensor<1x2x3x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x4x3x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.matmul"(%a, %b) {acc = array<i64: -9000, 9000>, high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 31 : i64} : (tensor<1x2x3x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x4x3x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x4x!quant.uniform<u8:f32, 0.5:3>> loc("/matmul_that_does_not_fit")
  return
}

// -----

// CHECK: error: "/matmul_of_words": 'qi.matmul' op must read activations of at most 8 bits, not tensor<1x3x4x!quant.uniform<i16:f32, 5.000000e-01>>
func.func @matmul_of_words(%a: tensor<1x2x3x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x3x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.matmul"(%a, %b) {acc = array<i64: -9000, 9000>, high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 31 : i64} : (tensor<1x2x3x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x3x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x2x4x!quant.uniform<u8:f32, 0.5:3>> loc("/matmul_of_words")
  return
}

// -----

// CHECK: error: "/matmul_that_overflows": 'qi.matmul' op accumulator interval [-9000, 2147483648] leaves int32
func.func @matmul_that_overflows(%a: tensor<1x2x3x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.matmul"(%a, %b) {acc = array<i64: -9000, 2147483648>, high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 31 : i64} : (tensor<1x2x3x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x4x!quant.uniform<u8:f32, 0.5:3>> loc("/matmul_that_overflows")
  return
}

// -----

// CHECK: error: "/matmul_with_a_shift_of_one": 'qi.matmul' op multipliers must not be negative and shifts must lie in [2, 62], got 1073741824 and [1, 1]
func.func @matmul_with_a_shift_of_one(%a: tensor<1x2x3x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = "qi.matmul"(%a, %b) {acc = array<i64: -9000, 9000>, high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 1 : i64} : (tensor<1x2x3x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x4x!quant.uniform<u8:f32, 0.5:3>> loc("/matmul_with_a_shift_of_one")
  return
}

// -----

// CHECK: error: "/softmax_of_another_shape": 'qi.softmax' op must make an activation of its input's shape, not tensor<1x4x!quant.uniform<i16:f32, 5.000000e-01>> --> tensor<1x5x!quant.uniform<u8:f32, 5.000000e-01:3>>
func.func @softmax_of_another_shape(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.softmax"(%a) {high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 22 : i64, table = dense<1073741824> : tensor<2x256xi32>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x5x!quant.uniform<u8:f32, 0.5:3>> loc("/softmax_of_another_shape")
  return
}

// -----

// CHECK: error: "/softmax_of_16_bits_with_a_table_of_8": 'qi.softmax' op table of tensor<256xi32> needs shape [2, 256] and entries of i32 for tensor<1x4x!quant.uniform<i16:f32, 5.000000e-01>>
func.func @softmax_of_16_bits_with_a_table_of_8(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.softmax"(%a) {high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 22 : i64, table = dense<1073741824> : tensor<256xi32>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/softmax_of_16_bits_with_a_table_of_8")
  return
}

// -----

// CHECK: error: "/softmax_whose_largest_is_not_one": 'qi.softmax' op entries of the table must lie in [0, 2^30], and those of distance 0 be 2^30
func.func @softmax_whose_largest_is_not_one(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.softmax"(%a) {high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 22 : i64, table = dense<1073741823> : tensor<2x256xi32>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/softmax_whose_largest_is_not_one")
  return
}

// -----

// CHECK: error: "/softmax_whose_table_is_above_one": 'qi.softmax' op entries of the table must lie in [0, 2^30], and those of distance 0 be 2^30
func.func @softmax_whose_table_is_above_one(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.softmax"(%a) {high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 22 : i64, table = dense<1073741825> : tensor<2x256xi32>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/softmax_whose_table_is_above_one")
  return
}

// -----

// CHECK: error: "/softmax_with_a_multiplier_of_32_bits": 'qi.softmax' op multiplier 2147483648 must lie in [0, 2^31) and shift 22 in [2, 62]
func.func @softmax_with_a_multiplier_of_32_bits(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.softmax"(%a) {high = 255 : i64, low = 0 : i64, multiplier = 2147483648 : i64, shift = 22 : i64, table = dense<1073741824> : tensor<2x256xi32>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/softmax_with_a_multiplier_of_32_bits")
  return
}

// -----

// CHECK: error: "/softmax_with_a_clamp_beyond_u8": 'qi.softmax' op clamp [0, 256] leaves [0, 255]
func.func @softmax_with_a_clamp_beyond_u8(%a: tensor<1x4x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.softmax"(%a) {high = 256 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 22 : i64, table = dense<1073741824> : tensor<2x256xi32>} : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/softmax_with_a_clamp_beyond_u8")
  return
}

// -----

// CHECK: error: "/softmax_of_too_many": 'qi.softmax' op normalizes rows of 4194305 numbers, needs 1 to 4194304
func.func @softmax_of_too_many(%a: tensor<1x4194305x!quant.uniform<i16:f32, 0.5>>) {
  %r = "qi.softmax"(%a) {high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 22 : i64, table = dense<1073741824> : tensor<2x256xi32>} : (tensor<1x4194305x!quant.uniform<i16:f32, 0.5>>) -> tensor<1x4194305x!quant.uniform<u8:f32, 0.5:3>> loc("/softmax_of_too_many")
  return
}
