// RUN: dyadic-opt -p measure-lengths %s | filecheck %s

// The lengths of channels [1,H,W,C] along the image: twice the mean of 4 squares under the root.
// CHECK-LABEL: func.func @lengths_of_channels
// CHECK:         %[[NORM:.+]] = "qd.rms_norm"
// CHECK:         %[[BACK:.+]] = "qd.transpose"
// CHECK:         %[[PRODUCT:.+]] = "qd.mul"(%arg0, %[[BACK]])
// CHECK:         %[[MEAN:.+]] = "qd.reduce_mean"(%[[PRODUCT]]) {axes = array<i64: 1, 2>, keep = true}
// CHECK:         %[[FACTOR:.+]] = "qd.constant"() {value = dense<1.41421354>
// CHECK:         %[[LENGTH:.+]] = "qd.scale_shift"(%[[MEAN]], %[[FACTOR]]
// CHECK:         return %[[LENGTH]]
func.func @lengths_of_channels(%x: tensor<1x2x2x3xf32>) -> tensor<1x1x1x3xf32> {
  %two = "qd.constant"() {value = dense<2.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %none = "qd.constant"() {value = dense<0.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %1 = "qd.mul"(%x, %x) : (tensor<1x2x2x3xf32>, tensor<1x2x2x3xf32>) -> tensor<1x2x2x3xf32>
  %2 = "qd.reduce_mean"(%1) {axes = array<i64: 1, 2>, keep = true} : (tensor<1x2x2x3xf32>) -> tensor<1x1x1x3xf32>
  %3 = "qd.scale_shift"(%2, %two, %none) {axis = 3 : i64} : (tensor<1x1x1x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x1x1x3xf32>
  %4 = "qd.sqrt"(%3) : (tensor<1x1x1x3xf32>) -> tensor<1x1x1x3xf32>
  return %4 : tensor<1x1x1x3xf32>
}

// CHECK-LABEL: func.func @roots_of_other_means
// CHECK:         "qd.sqrt"
// CHECK-NOT:     "qd.rms_norm"
func.func @roots_of_other_means(%x: tensor<1x2x3xf32>, %y: tensor<1x2x3xf32>) -> tensor<1x2x1xf32> {
  %1 = "qd.mul"(%x, %y) : (tensor<1x2x3xf32>, tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  %2 = "qd.reduce_mean"(%1) {axes = array<i64: 2>, keep = true} : (tensor<1x2x3xf32>) -> tensor<1x2x1xf32>
  %3 = "qd.sqrt"(%2) : (tensor<1x2x1xf32>) -> tensor<1x2x1xf32>
  return %3 : tensor<1x2x1xf32>
}
