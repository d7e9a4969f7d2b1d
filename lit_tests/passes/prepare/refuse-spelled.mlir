// RUN: not dyadic-opt -p refuse-spelled %s 2>&1 | filecheck %s

// Each formula is named once, where it begins.
// CHECK: 2 operators of the model are not supported:
// CHECK-NEXT: "head" (softmax): it has an integer form inside of attention only; as the last layer: end the model at its logits; the order of the classes is the same
// CHECK-NEXT: "norm" (sqrt): it has an integer form as part of a normalization or a softmax only
func.func @leftovers(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %0 = "qd.softmax"(%x) {axis = 2 : i64} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32> loc("head")
  %1 = "qd.add"(%0, %x) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %2 = "qd.sqrt"(%1) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32> loc("norm")
  %3 = "qd.reciprocal"(%2) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32> loc("norm_1")
  return %3 : tensor<1x3x2xf32>
}
