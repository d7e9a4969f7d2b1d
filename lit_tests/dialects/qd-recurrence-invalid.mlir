// RUN: not dyadic-opt --split-input-file %s | filecheck %s

// CHECK: error: "/recurrence_of_too_few_gates": 'qd.recurrence' op shapes do not fit: x [1, 3, 4], weight [4, 2], bias [4], h [1, 2], c [1, 2], result [1, 3, 2] of lstm
func.func @recurrence_of_too_few_gates(%a: tensor<1x3x4xf32>, %b: tensor<4x2xf32>, %c: tensor<4xf32>, %d: tensor<1x2xf32>) {
  %r = "qd.recurrence"(%a, %b, %c, %d, %d) {cell = false, kind = "lstm", reverse = false} : (tensor<1x3x4xf32>, tensor<4x2xf32>, tensor<4xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x3x2xf32> loc("/recurrence_of_too_few_gates")
  return
}

// -----

// CHECK: error: "/recurrence_without_a_kind": 'qd.recurrence' op kind must be one of lstm, gru, gru-reset-first, tanh, relu, not "none"
func.func @recurrence_without_a_kind(%a: tensor<1x3x2xf32>, %b: tensor<2x2xf32>, %c: tensor<2xf32>, %d: tensor<1x2xf32>) {
  %r = "qd.recurrence"(%a, %b, %c, %d, %d) {cell = false, kind = "none", reverse = false} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x3x2xf32> loc("/recurrence_without_a_kind")
  return
}
