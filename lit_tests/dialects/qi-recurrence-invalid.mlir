// RUN: not dyadic-opt --split-input-file %s | filecheck %s

// CHECK: error: "/recurrence_of_another_kind": 'qi.recurrence' op kind must be one of lstm, gru, gru-reset-first, tanh, relu, not "elman"
func.func @recurrence_of_another_kind(%x: tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, %w: tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, %b: tensor<3xi32>, %h: tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) {
  %r = "qi.recurrence"(%x, %w, %b, %h, %h) {acc = array<i64: -9000, 9000>, bits = array<i64: 15, 12, 7>, cell = false, high = 255 : i64, kind = "elman", low = 0 : i64, multiplier = array<i32: 513, 600, 700>, project = array<i64: 16777, 12>, residual_multiplier = array<i32: 4000, 4000, 0>, residual_shift = 32 : i64, result = array<i64: 16256, 22>, reverse = false, shift = array<i32: 40, 40, 40>, start = array<i64: 32767, 2, 16384, 2>, wide = true} : (tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, tensor<3xi32>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) -> tensor<1x5x1x!quant.uniform<u8:f32, 5.000000e-01:3>> loc("/recurrence_of_another_kind")
  return
}

// -----

// CHECK: error: "/recurrence_of_too_many_gates": 'qi.recurrence' op shapes do not fit: x [1, 5, 3], weight [3, 1], result [1, 5, 1] of lstm
func.func @recurrence_of_too_many_gates(%x: tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, %w: tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, %b: tensor<3xi32>, %h: tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) {
  %r = "qi.recurrence"(%x, %w, %b, %h, %h) {acc = array<i64: -9000, 9000>, bits = array<i64: 15, 12, 7>, cell = false, high = 255 : i64, kind = "lstm", low = 0 : i64, multiplier = array<i32: 513, 600, 700>, project = array<i64: 16777, 12>, residual_multiplier = array<i32: 4000, 4000, 0>, residual_shift = 32 : i64, result = array<i64: 16256, 22>, reverse = false, shift = array<i32: 40, 40, 40>, start = array<i64: 32767, 2, 16384, 2>, wide = true} : (tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, tensor<3xi32>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) -> tensor<1x5x1x!quant.uniform<u8:f32, 5.000000e-01:3>> loc("/recurrence_of_too_many_gates")
  return
}

// -----

// CHECK: error: "/recurrence_with_too_many_bits": 'qi.recurrence' op states with 15 and 13 fraction bits, less 7; at most 15, 12 and 8 fit
func.func @recurrence_with_too_many_bits(%x: tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, %w: tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, %b: tensor<3xi32>, %h: tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) {
  %r = "qi.recurrence"(%x, %w, %b, %h, %h) {acc = array<i64: -9000, 9000>, bits = array<i64: 15, 13, 7>, cell = false, high = 255 : i64, kind = "gru", low = 0 : i64, multiplier = array<i32: 513, 600, 700>, project = array<i64: 16777, 12>, residual_multiplier = array<i32: 4000, 4000, 0>, residual_shift = 32 : i64, result = array<i64: 16256, 22>, reverse = false, shift = array<i32: 40, 40, 40>, start = array<i64: 32767, 2, 16384, 2>, wide = true} : (tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, tensor<3xi32>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) -> tensor<1x5x1x!quant.uniform<u8:f32, 5.000000e-01:3>> loc("/recurrence_with_too_many_bits")
  return
}

// -----

// CHECK: error: "/recurrence_with_too_large_a_multiplier": 'qi.recurrence' op multiplier 40000 must lie in s16 and shift 22 in [2, 30]: products are int32
func.func @recurrence_with_too_large_a_multiplier(%x: tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, %w: tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, %b: tensor<3xi32>, %h: tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) {
  %r = "qi.recurrence"(%x, %w, %b, %h, %h) {acc = array<i64: -9000, 9000>, bits = array<i64: 15, 12, 7>, cell = false, high = 255 : i64, kind = "gru", low = 0 : i64, multiplier = array<i32: 513, 600, 700>, project = array<i64: 16777, 12>, residual_multiplier = array<i32: 4000, 4000, 0>, residual_shift = 32 : i64, result = array<i64: 40000, 22>, reverse = false, shift = array<i32: 40, 40, 40>, start = array<i64: 32767, 2, 16384, 2>, wide = true} : (tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, tensor<3xi32>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) -> tensor<1x5x1x!quant.uniform<u8:f32, 5.000000e-01:3>> loc("/recurrence_with_too_large_a_multiplier")
  return
}

// -----

// CHECK: error: "/recurrence_with_too_large_a_residual": 'qi.recurrence' op residual multipliers [9000, 4000, 0] and a shift of 32 leave what a fused addition holds
func.func @recurrence_with_too_large_a_residual(%x: tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, %w: tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, %b: tensor<3xi32>, %h: tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) {
  %r = "qi.recurrence"(%x, %w, %b, %h, %h) {acc = array<i64: -9000, 9000>, bits = array<i64: 15, 12, 7>, cell = false, high = 255 : i64, kind = "gru", low = 0 : i64, multiplier = array<i32: 513, 600, 700>, project = array<i64: 16777, 12>, residual_multiplier = array<i32: 9000, 4000, 0>, residual_shift = 32 : i64, result = array<i64: 16256, 22>, reverse = false, shift = array<i32: 40, 40, 40>, start = array<i64: 32767, 2, 16384, 2>, wide = true} : (tensor<1x5x3x!quant.uniform<i16:f32, 1.000000e-03>>, tensor<3x1x!quant.uniform<i8<-127:127>:f32:0, {2.500000e-01,2.500000e-01,2.500000e-01}>>, tensor<3xi32>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>, tensor<1x1x!quant.uniform<u8:f32, 1.000000e+00>>) -> tensor<1x5x1x!quant.uniform<u8:f32, 5.000000e-01:3>> loc("/recurrence_with_too_large_a_residual")
  return
}
