// RUN: dyadic-opt -p leave-out-last %s | filecheck %s

// CHECK-LABEL: func.func @last
// CHECK-SAME:    -> (tensor<1x3xf32> {qd.last = {axis = 1 : i64, left_out = true, name = "softmax"}, qd.name = "y"})
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0)
// CHECK-NEXT:    return %[[A]] : tensor<1x3xf32>
func.func @last(%x: tensor<1x3xf32>) -> (tensor<1x3xf32> {qd.name = "y"}) {
  %0 = "qd.tanh"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %1 = "qd.softmax"(%0) {axis = 1 : i64} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return %1 : tensor<1x3xf32>
}
