// RUN: dyadic-opt -p order-operations %s | filecheck %s

// CHECK-LABEL: func.func @what_the_result_reads_first_comes_first
// CHECK-NEXT:    %[[A:.+]] = "qd.sigmoid"(%arg0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.tanh"(%arg1) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.add"(%[[A]], %[[B]]) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @what_the_result_reads_first_comes_first(%x: tensor<1x2x3x3xf32>, %y: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.tanh"(%y) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.sigmoid"(%x) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %2 = "qd.add"(%1, %0) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %2 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @equal_ops_are_one
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%[[A]], %[[B]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.mul"(%[[C]], %[[C]]) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[D]] : tensor<1x2x3x3xf32>
func.func @equal_ops_are_one(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %a = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %b = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.tanh"(%x) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.tanh"(%x) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %2 = "qd.scale_shift"(%0, %a, %b) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %3 = "qd.scale_shift"(%1, %b, %a) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %4 = "qd.mul"(%2, %3) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %4 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @what_nobody_reads_goes
// CHECK-NEXT:    %[[A:.+]] = "qd.tanh"(%arg0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x3xf32>
func.func @what_nobody_reads_goes(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.tanh"(%x) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.sigmoid"(%0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %0 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @equal_ops_with_other_attributes_stay
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 1.000000e+00 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.clamp"(%arg0) {high = 2.000000e+00 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.add"(%[[A]], %[[B]]) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @equal_ops_with_other_attributes_stay(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.clamp"(%x) {low = 0.0 : f32, high = 1.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.clamp"(%x) {low = 0.0 : f32, high = 2.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %2 = "qd.add"(%0, %1) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %2 : tensor<1x2x3x3xf32>
}
