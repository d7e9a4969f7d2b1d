// RUN: dyadic-opt -p equalize-channels %s | filecheck %s

// Two layers make the sum, with weights of 8 and 2; what reads it has 2: the scale is sqrt(8 / 2) = 2 for all three.
// CHECK-LABEL: func.func @an_addition_shares_scales
// CHECK-DAG:     "qd.constant"() {value = dense<{{4.*}}> : tensor<1x1xf32>}
// CHECK-DAG:     "qd.constant"() {value = dense<{{(1\.0*|1\.00.*|9\.99.*e-01)}}> : tensor<1x1xf32>}
// CHECK:         "qd.add"
// CHECK:         "qd.clamp"
// CHECK:         return
func.func @an_addition_shares_scales(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w1 = "qd.constant"() {value = dense<8.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b1 = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %w2 = "qd.constant"() {value = dense<2.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b2 = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %w3 = "qd.constant"() {value = dense<2.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b3 = "qd.constant"() {value = dense<3.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w1, %b1) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  %1 = "qd.linear"(%x, %w2, %b2) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  %2 = "qd.add"(%0, %1) : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %3 = "qd.clamp"(%2) {low = 0.0 : f32, high = 0x7F800000 : f32} : (tensor<1x1xf32>) -> tensor<1x1xf32>
  %4 = "qd.linear"(%3, %w3, %b3) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %4 : tensor<1x1xf32>
}

// The sum is a result of the network, too.
// CHECK-LABEL: func.func @a_result_keeps_its_scale
// CHECK:         dense<8.000000e+00> : tensor<1x1xf32>
// CHECK:         dense<2.000000e+00> : tensor<1x1xf32>
// CHECK:         return
func.func @a_result_keeps_its_scale(%x: tensor<1x1xf32>) -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  %w1 = "qd.constant"() {value = dense<8.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b1 = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %w2 = "qd.constant"() {value = dense<2.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b2 = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.linear"(%x, %w1, %b1) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  %1 = "qd.linear"(%0, %w2, %b2) : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0, %1 : tensor<1x1xf32>, tensor<1x1xf32>
}
