// RUN: dyadic-opt -p end-rankings %s | filecheck %s

// CHECK-LABEL: func.func @class
// CHECK-SAME:    -> (tensor<1x3xf32> {qd.last = {axis = 1 : i64, count = 1 : i64, left_out = false, name = "largest_places", shape = array<i64>}, qd.name = "y"})
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0)
// CHECK-NEXT:    return %[[A]] : tensor<1x3xf32>
func.func @class(%x: tensor<1x3xf32>) -> (tensor<1xf32> {qd.name = "y"}) {
  %0 = "qd.tanh"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %1 = "qd.softmax"(%0) {axis = 1 : i64} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %2 = "qd.arg_max"(%1) {axis = 1 : i64, last = false, smallest = false} : (tensor<1x3xf32>) -> tensor<1x1xf32>
  %3 = "qd.reshape"(%2) : (tensor<1x1xf32>) -> tensor<1xf32>
  return %3 : tensor<1xf32>
}

// CHECK-LABEL: func.func @both
// CHECK-SAME:    -> (tensor<1x3xf32> {qd.last = {axis = 1 : i64, count = 2 : i64, left_out = false, name = "largest", shape = array<i64: 2>}}, tensor<1x3xf32> {qd.last = {axis = 1 : i64, count = 2 : i64, left_out = false, name = "largest_places", shape = array<i64: 2>}})
// CHECK:         return %[[A:.+]], %[[A]]
func.func @both(%x: tensor<1x3xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %0 = "qd.tanh"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %1 = "qd.top_k"(%0) {axis = 1 : i64, count = 2 : i64, places = false, smallest = false} : (tensor<1x3xf32>) -> tensor<1x2xf32>
  %2 = "qd.top_k"(%0) {axis = 1 : i64, count = 2 : i64, places = true, smallest = false} : (tensor<1x3xf32>) -> tensor<1x2xf32>
  return %1, %2 : tensor<1x2xf32>, tensor<1x2xf32>
}

// CHECK-LABEL: func.func @inside
// CHECK:         "qd.hardmax"
func.func @inside(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  %0 = "qd.tanh"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %1 = "qd.hardmax"(%0) {axis = 1 : i64} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %2 = "qd.tanh"(%1) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return %2 : tensor<1x3xf32>
}
