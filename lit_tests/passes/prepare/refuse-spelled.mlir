// RUN: not dyadic-opt -p refuse-spelled %s 2>&1 | filecheck %s

// Each formula is named once, where it begins.
// CHECK: 2 operators of the model are not supported:
// CHECK-NEXT: "gate" (erf): it has an integer form as part of GELU only
// CHECK-NEXT: "norm" (sqrt): it has an integer form as part of a normalization or a softmax only
func.func @leftovers(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %0 = "qd.erf"(%x) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32> loc("gate")
  %1 = "qd.add"(%0, %x) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %2 = "qd.sqrt"(%1) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32> loc("norm")
  %3 = "qd.reciprocal"(%2) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32> loc("norm_1")
  return %3 : tensor<1x3x2xf32>
}
