// RUN: dyadic-opt -p slice-parts %s | filecheck %s

// CHECK-LABEL: func.func @a_whole_part
// CHECK-NEXT:    return %arg0 : tensor<1x1x3xf32>
func.func @a_whole_part(%a: tensor<1x1x3xf32>, %b: tensor<1x4x3xf32>) -> tensor<1x1x3xf32> {
  %c = "qd.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x1x3xf32>, tensor<1x4x3xf32>) -> tensor<1x5x3xf32>
  %s = "qd.slice"(%c) {starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x5x3xf32>) -> tensor<1x1x3xf32>
  return %s : tensor<1x1x3xf32>
}

// CHECK-LABEL: func.func @of_the_second_part
// CHECK-NEXT:    %[[S:.+]] = "qd.slice"(%arg1) {starts = array<i64: 0, 1, 1>, steps = array<i64: 1, 2, 1>} : (tensor<1x4x3xf32>) -> tensor<1x2x2xf32>
// CHECK-NEXT:    return %[[S]] : tensor<1x2x2xf32>
func.func @of_the_second_part(%a: tensor<1x1x3xf32>, %b: tensor<1x4x3xf32>) -> tensor<1x2x2xf32> {
  %c = "qd.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x1x3xf32>, tensor<1x4x3xf32>) -> tensor<1x5x3xf32>
  %s = "qd.slice"(%c) {starts = array<i64: 0, 2, 1>, steps = array<i64: 1, 2, 1>} : (tensor<1x5x3xf32>) -> tensor<1x2x2xf32>
  return %s : tensor<1x2x2xf32>
}

// CHECK-LABEL: func.func @of_both
// CHECK-NEXT:    "qd.concat"
func.func @of_both(%a: tensor<1x1x3xf32>, %b: tensor<1x4x3xf32>) -> tensor<1x2x3xf32> {
  %c = "qd.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x1x3xf32>, tensor<1x4x3xf32>) -> tensor<1x5x3xf32>
  %s = "qd.slice"(%c) {starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x5x3xf32>) -> tensor<1x2x3xf32>
  return %s : tensor<1x2x3xf32>
}
