// RUN: dyadic-opt -p form-quotients %s | filecheck %s

// CHECK-LABEL: func.func @quotient
// CHECK-NEXT:    %[[Q:.+]] = "qd.div"(%arg0, %arg1) : (tensor<1x4xf32>, tensor<1x1xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    return %[[Q]]
func.func @quotient(%x: tensor<1x4xf32>, %y: tensor<1x1xf32>) -> tensor<1x4xf32> {
  %0 = "qd.reciprocal"(%y) : (tensor<1x1xf32>) -> tensor<1x1xf32>
  %1 = "qd.mul"(%0, %x) : (tensor<1x1xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}
