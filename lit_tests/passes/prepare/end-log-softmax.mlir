// RUN: dyadic-opt -p end-log-softmax %s | filecheck %s

// CHECK-LABEL: func.func @last
// CHECK-SAME:    -> (tensor<1x3xf32> {qd.last = {axis = 1 : i64, left_out = false, name = "log_softmax"}, qd.name = "y"})
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0)
// CHECK-NEXT:    return %[[A]] : tensor<1x3xf32>
func.func @last(%x: tensor<1x3xf32>) -> (tensor<1x3xf32> {qd.name = "y"}) {
  %0 = "qd.tanh"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %1 = "qd.log_softmax"(%0) {axis = 1 : i64} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return %1 : tensor<1x3xf32>
}

// CHECK-LABEL: func.func @others_stay
// CHECK:         "qd.softmax"
func.func @others_stay(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  %0 = "qd.tanh"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %1 = "qd.softmax"(%0) {axis = 1 : i64} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return %1 : tensor<1x3xf32>
}
