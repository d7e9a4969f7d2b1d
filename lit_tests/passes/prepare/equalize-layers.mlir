// RUN: dyadic-opt -p equalize-layers %s | filecheck %s

// Weights of 8 before and 2 behind: the scale is 2, and both become 4. The bias goes with the first.
// CHECK-LABEL: func.func @a_relu_lets_scales_through
// CHECK-NEXT:    %[[W1:.+]] = "qd.constant"() {value = dense<{{\[\[}}4.000000e+00, 2.000000e+00]]> : tensor<1x2xf32>}
// CHECK-NEXT:    %[[B1:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<1xf32>}
// CHECK-NEXT:    %[[W2:.+]] = "qd.constant"() {value = dense<4.000000e+00> : tensor<1x1xf32>}
// CHECK-NEXT:    %[[B2:.+]] = "qd.constant"() {value = dense<3.000000e+00> : tensor<1xf32>}
// CHECK-NEXT:    %[[A:.+]] = "qd.linear"(%arg0, %[[W1]], %[[B1]])
// CHECK-NEXT:    %[[C:.+]] = "qd.clamp"(%[[A]])
// CHECK-NEXT:    "qd.linear"(%[[C]], %[[W2]], %[[B2]])
func.func @a_relu_lets_scales_through(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w1 = "qd.constant"() {value = dense<[[8.0, 4.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %b1 = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %w2 = "qd.constant"() {value = dense<2.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b2 = "qd.constant"() {value = dense<3.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w1, %b1) : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 0x7F800000 : f32} : (tensor<1x1xf32>) -> tensor<1x1xf32>
  %2 = "qd.linear"(%1, %w2, %b2) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @a_relu6_does_not
// CHECK-NEXT:    %0 = "qd.constant"() {value = dense<8.000000e+00> : tensor<1x1xf32>}
// CHECK:         %2 = "qd.constant"() {value = dense<2.000000e+00> : tensor<1x1xf32>}
// CHECK:         return
func.func @a_relu6_does_not(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w1 = "qd.constant"() {value = dense<8.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b1 = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %w2 = "qd.constant"() {value = dense<2.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b2 = "qd.constant"() {value = dense<3.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w1, %b1) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 6.0 : f32} : (tensor<1x1xf32>) -> tensor<1x1xf32>
  %2 = "qd.linear"(%1, %w2, %b2) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @what_someone_else_reads_keeps_its_scale
// CHECK-NEXT:    %0 = "qd.constant"() {value = dense<8.000000e+00> : tensor<1x1xf32>}
// CHECK:         %2 = "qd.constant"() {value = dense<2.000000e+00> : tensor<1x1xf32>}
// CHECK:         return
func.func @what_someone_else_reads_keeps_its_scale(%x: tensor<1x1xf32>) -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  %w1 = "qd.constant"() {value = dense<8.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b1 = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %w2 = "qd.constant"() {value = dense<2.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b2 = "qd.constant"() {value = dense<3.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w1, %b1) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  %2 = "qd.linear"(%0, %w2, %b2) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0, %2 : tensor<1x1xf32>, tensor<1x1xf32>
}
