// RUN: dyadic-opt -p end-in-float %s | filecheck %s

// CHECK-LABEL: func.func @last
// CHECK-SAME:    -> (tensor<1x3xf32> {qd.last = {axis = 1 : i64, left_out = false, name = "softmax"}, qd.name = "y"})
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0)
// CHECK-NEXT:    return %[[A]] : tensor<1x3xf32>
func.func @last(%x: tensor<1x3xf32>) -> (tensor<1x3xf32> {qd.name = "y"}) {
  %0 = "qd.tanh"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %1 = "qd.softmax"(%0) {axis = 1 : i64} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return %1 : tensor<1x3xf32>
}

// Another reader keeps it; the other result goes without.
// CHECK-LABEL: func.func @read_elsewhere
// CHECK:         %[[S:.+]] = "qd.sigmoid"(%[[X:.+]]) :
// CHECK-NEXT:    %[[T:.+]] = "qd.tanh"(%[[S]])
// CHECK-NEXT:    return %[[X]], %[[T]]
func.func @read_elsewhere(%x: tensor<1x3xf32>) -> (tensor<1x3xf32>, tensor<1x3xf32>) {
  %0 = "qd.tanh"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %1 = "qd.sigmoid"(%0) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  %2 = "qd.tanh"(%1) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return %1, %2 : tensor<1x3xf32>, tensor<1x3xf32>
}

// Nothing but a softmax would leave nothing to compute.
// CHECK-LABEL: func.func @of_an_input
// CHECK:         "qd.softmax"
func.func @of_an_input(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  %0 = "qd.softmax"(%x) {axis = 1 : i64} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return %0 : tensor<1x3xf32>
}
