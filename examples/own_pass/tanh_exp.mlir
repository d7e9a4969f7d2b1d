// RUN: dyadic-opt --load-passes tanh_exp.py -p recognize-tanh-exp %s | filecheck %s

// CHECK-LABEL: func.func @the_product_of_x_with_its_gate_has_a_name
// CHECK:         "qd.tanh_exp"(%arg0)
// CHECK-NOT:     qd.mul
func.func @the_product_of_x_with_its_gate_has_a_name(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %0 = "qd.exp"(%x) : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %1 = "qd.tanh"(%0) : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %2 = "qd.mul"(%x, %1) : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
  return %2 : tensor<1x8xf32>
}

// CHECK-LABEL: func.func @the_gate_of_something_else_stays
// CHECK:         "qd.mul"
func.func @the_gate_of_something_else_stays(%x: tensor<1x8xf32>, %y: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %0 = "qd.exp"(%y) : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %1 = "qd.tanh"(%0) : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %2 = "qd.mul"(%x, %1) : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
  return %2 : tensor<1x8xf32>
}
