// RUN: not dyadic-opt --split-input-file %s | filecheck %s

// Broken uses of qi.attention.

// CHECK: error: "/attention_of_other_keys": 'qi.attention' op shapes do not fit: q [1, 3, 4], k [1, 5, 4], v [1, 2, 6], result [1, 3, 6]
func.func @attention_of_other_keys(%q: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, %k: tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x2x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xi32>, %n: tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x2x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_of_other_keys")
  return
}

// -----

// CHECK: error: "/attention_of_16_bits": 'qi.attention' op must read activations of at most 8 bits, not 
func.func @attention_of_16_bits(%q: tensor<1x3x4x!quant.uniform<i16:f32, 0.5>>, %k: tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xi32>, %n: tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x3x4x!quant.uniform<i16:f32, 0.5>>, tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_of_16_bits")
  return
}

// -----

// CHECK: error: "/attention_with_a_float_bias": 'qi.attention' op needs a bias of i32, got 
func.func @attention_with_a_float_bias(%q: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, %k: tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xf32>, %n: tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xf32>, tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_with_a_float_bias")
  return
}

// -----

// CHECK: error: "/attention_with_a_mask_of_its_own": 'qi.attention' op bias [1] and valid [1, 1, 4] do not broadcast to scores [1, 3, 5]
func.func @attention_with_a_mask_of_its_own(%q: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, %k: tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xi32>, %n: tensor<1x1x4x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x4x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_with_a_mask_of_its_own")
  return
}

// -----

// CHECK: error: "/attention_that_may_overflow": 'qi.attention' op accumulator interval [-9, 2147483648] leaves int32
func.func @attention_that_may_overflow(%q: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, %k: tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xi32>, %n: tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 2147483648>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_that_may_overflow")
  return
}

// -----

// CHECK: error: "/attention_with_long_rows": 'qi.attention' op scores reach 541065216, beyond 2^29
func.func @attention_with_long_rows(%q: tensor<1x3x16384x!quant.uniform<u8:f32, 0.5:3>>, %k: tensor<1x5x16384x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xi32>, %n: tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x3x16384x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x16384x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_with_long_rows")
  return
}

// -----

// CHECK: error: "/attention_with_many_keys": 'qi.attention' op the weighted sum of 32897 rows reaches 2147516160, beyond int32
func.func @attention_with_many_keys(%q: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, %k: tensor<1x32897x4x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x32897x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xi32>, %n: tensor<1x1x1x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x32897x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x32897x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x1x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_with_many_keys")
  return
}

// -----

// CHECK: error: "/attention_with_wild_distances": 'qi.attention' op distances up to 44361 times 96818 >> 16 leave 16 bits
func.func @attention_with_wild_distances(%q: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, %k: tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xi32>, %n: tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44361 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_with_wild_distances")
  return
}

// -----

// CHECK: error: "/attention_with_a_large_shift": 'qi.attention' op shift 53 leaves 62 once the sum of 5 weights is in it
func.func @attention_with_a_large_shift(%q: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, %k: tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xi32>, %n: tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 53 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_with_a_large_shift")
  return
}

// -----

// CHECK: error: "/attention_with_a_negative_multiplier": 'qi.attention' op multipliers must not be negative
func.func @attention_with_a_negative_multiplier(%q: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, %k: tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, %v: tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1xi32>, %n: tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %r = "qi.attention"(%q, %k, %v, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = -1 : i64, shift = 30 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x5x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x5x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x6x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_with_a_negative_multiplier")
  return
}

// -----

// CHECK: error: "/attention_with_a_large_bias": 'qi.attention' op scores reach 132096 and biases 536870911, together beyond 2^29
func.func @attention_with_a_large_bias(%q: tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, %n: tensor<1x1x3x!quant.uniform<u8<0:1>:f32, 1.0>>) {
  %b = "qi.constant"() {value = dense<[-536870911, -1073741824, 0]> : tensor<3xi32>} : () -> tensor<3xi32>
  %r = "qi.attention"(%q, %q, %q, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, low = 0 : i64, high = 255 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<3xi32>, tensor<1x1x3x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x3x4x!quant.uniform<u8:f32, 0.5:3>> loc("/attention_with_a_large_bias")
  return
}
