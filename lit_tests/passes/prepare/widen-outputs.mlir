// RUN: dyadic-opt -p widen-outputs %s | filecheck %s

// CHECK-LABEL: func.func @results
// CHECK-SAME:    -> (tensor<1x3xf32> {qd.bits = 16 : i64, qd.name = "y"}, tensor<1x3xf32> {qd.bits = 16 : i64, qd.name = "z"})
func.func @results(%x: tensor<1x3xf32>) -> (tensor<1x3xf32> {qd.name = "y"}, tensor<1x3xf32> {qd.name = "z"}) {
  %0 = "qd.tanh"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return %0, %x : tensor<1x3xf32>, tensor<1x3xf32>
}
