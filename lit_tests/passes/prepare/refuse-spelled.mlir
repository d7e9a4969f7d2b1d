// RUN: not dyadic-opt -p refuse-spelled %s 2>&1 | filecheck %s

// Each formula is named once, where it begins.
// CHECK: 2 operators of the model are not supported:
// CHECK-NEXT: 2 x masked, first "scores": it has an integer form on the scores of attention only
func.func @leftovers(%x: tensor<1x3x2xf32>, %v: tensor<1x1x2xf32>) -> tensor<1x3x2xf32> {
  %0 = "qd.masked"(%x, %v) : (tensor<1x3x2xf32>, tensor<1x1x2xf32>) -> tensor<1x3x2xf32> loc("scores")
  %1 = "qd.add"(%0, %x) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %2 = "qd.masked"(%1, %v) : (tensor<1x3x2xf32>, tensor<1x1x2xf32>) -> tensor<1x3x2xf32> loc("others")
  return %2 : tensor<1x3x2xf32>
}
