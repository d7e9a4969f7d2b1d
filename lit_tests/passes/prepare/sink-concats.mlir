// RUN: dyadic-opt -p sink-concats %s | filecheck %s

// CHECK-LABEL: func.func @below_transposes_and_reshapes
// CHECK-DAG:     %[[A:.+]] = "qd.transpose"(%arg0) {permutation = array<i64: 0, 2, 3, 1>}
// CHECK-DAG:     %[[B:.+]] = "qd.transpose"(%arg1)
// CHECK-DAG:     %[[C:.+]] = "qd.reshape"(%[[A]]) : (tensor<1x3x5x2xf32>) -> tensor<1x15x2xf32>
// CHECK-DAG:     %[[D:.+]] = "qd.reshape"(%[[B]]) : (tensor<1x3x5x4xf32>) -> tensor<1x15x4xf32>
// CHECK:         %[[J:.+]] = "qd.concat"(%[[C]], %[[D]]) {axis = 2 : i64}
// CHECK-NEXT:    return %[[J]]
func.func @below_transposes_and_reshapes(%a: tensor<1x2x3x5xf32>, %b: tensor<1x4x3x5xf32>) -> tensor<1x15x6xf32> {
  %0 = "qd.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x2x3x5xf32>, tensor<1x4x3x5xf32>) -> tensor<1x6x3x5xf32>
  %1 = "qd.transpose"(%0) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x6x3x5xf32>) -> tensor<1x3x5x6xf32>
  %2 = "qd.reshape"(%1) : (tensor<1x3x5x6xf32>) -> tensor<1x15x6xf32>
  return %2 : tensor<1x15x6xf32>
}

// Of the last part nothing is left, of the middle one two rows.
// CHECK-LABEL: func.func @below_slices
// CHECK:         %[[B:.+]] = "qd.slice"(%arg1) {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>} : (tensor<1x5xf32>) -> tensor<1x2xf32>
// CHECK:         "qd.concat"({{.*}}, %[[B]]) {axis = 1 : i64}
// CHECK-NEXT:    return
func.func @below_slices(%a: tensor<1x3xf32>, %b: tensor<1x5xf32>, %c: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = "qd.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x3xf32>, tensor<1x5xf32>) -> tensor<1x8xf32>
  %1 = "qd.concat"(%0, %c) {axis = 1 : i64} : (tensor<1x8xf32>, tensor<1x4xf32>) -> tensor<1x12xf32>
  %2 = "qd.slice"(%1) {starts = array<i64: 0, 0>, steps = array<i64: 1, 2>} : (tensor<1x12xf32>) -> tensor<1x4xf32>
  return %2 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @not_where_rows_would_be_torn
// CHECK-NEXT:    "qd.concat"
// CHECK-NEXT:    "qd.reshape"
func.func @not_where_rows_would_be_torn(%a: tensor<1x2x3xf32>, %b: tensor<1x2x3xf32>) -> tensor<1x3x4xf32> {
  %0 = "qd.concat"(%a, %b) {axis = 2 : i64} : (tensor<1x2x3xf32>, tensor<1x2x3xf32>) -> tensor<1x2x6xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x2x6xf32>) -> tensor<1x3x4xf32>
  return %1 : tensor<1x3x4xf32>
}

// CHECK-LABEL: func.func @not_where_something_is_computed_of_it
// CHECK-NEXT:    "qd.concat"
// CHECK-NEXT:    "qd.transpose"
func.func @not_where_something_is_computed_of_it(%a: tensor<1x2x3xf32>, %b: tensor<1x2x3xf32>) -> tensor<1x6x2xf32> {
  %0 = "qd.concat"(%a, %b) {axis = 2 : i64} : (tensor<1x2x3xf32>, tensor<1x2x3xf32>) -> tensor<1x2x6xf32>
  %1 = "qd.transpose"(%0) {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x6xf32>) -> tensor<1x6x2xf32>
  %2 = "qd.sigmoid"(%1) : (tensor<1x6x2xf32>) -> tensor<1x6x2xf32>
  return %2 : tensor<1x6x2xf32>
}
