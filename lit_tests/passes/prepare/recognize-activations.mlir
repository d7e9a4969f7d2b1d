// RUN: dyadic-opt -p recognize-activations %s | filecheck %s

// CHECK-LABEL: func.func @a_product_with_the_sigmoid_is_silu
// CHECK-NEXT:    %[[A:.+]] = "qd.silu"(%arg0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x3xf32>
func.func @a_product_with_the_sigmoid_is_silu(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.sigmoid"(%x) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.mul"(%0, %x) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @a_product_with_the_hard_sigmoid_is_hard_swish
// CHECK-NEXT:    %[[A:.+]] = "qd.hard_swish"(%arg0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x3xf32>
func.func @a_product_with_the_hard_sigmoid_is_hard_swish(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.hard_sigmoid"(%x) {alpha = 0.166666672 : f32, beta = 5.0e-1 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.mul"(%x, %0) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @relu6_of_three_more_over_six_is_hard_sigmoid
// CHECK-NEXT:    %[[A:.+]] = "qd.hard_sigmoid"(%arg0) {alpha = 0.166666672 : f32, beta = 5.000000e-01 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x3xf32>
func.func @relu6_of_three_more_over_six_is_hard_sigmoid(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %s0 = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %h0 = "qd.constant"() {value = dense<3.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s0, %h0) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 6.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %s2 = "qd.constant"() {value = dense<0.166666672> : tensor<2xf32>} : () -> tensor<2xf32>
  %h2 = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %2 = "qd.scale_shift"(%1, %s2, %h2) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %2 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @hard_swish_divides_before_the_product
// CHECK-NEXT:    %[[A:.+]] = "qd.hard_swish"(%arg0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x3xf32>
func.func @hard_swish_divides_before_the_product(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %s0 = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %h0 = "qd.constant"() {value = dense<3.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s0, %h0) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 6.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %s2 = "qd.constant"() {value = dense<0.166666672> : tensor<2xf32>} : () -> tensor<2xf32>
  %h2 = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %2 = "qd.scale_shift"(%1, %s2, %h2) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %3 = "qd.mul"(%x, %2) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %3 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @hard_swish_divides_after_the_product
// CHECK-NEXT:    %[[A:.+]] = "qd.hard_swish"(%arg0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x3xf32>
func.func @hard_swish_divides_after_the_product(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %s0 = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %h0 = "qd.constant"() {value = dense<3.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s0, %h0) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 6.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %2 = "qd.mul"(%x, %1) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %s3 = "qd.constant"() {value = dense<0.166666672> : tensor<2xf32>} : () -> tensor<2xf32>
  %h3 = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %3 = "qd.scale_shift"(%2, %s3, %h3) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %3 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @hard_swish_as_keras_writes_it
// CHECK-NEXT:    %[[A:.+]] = "qd.hard_swish"(%arg0) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x3xf32>
func.func @hard_swish_as_keras_writes_it(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %s0 = "qd.constant"() {value = dense<0.166666672> : tensor<2xf32>} : () -> tensor<2xf32>
  %h0 = "qd.constant"() {value = dense<0.5> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s0, %h0) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 1.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %2 = "qd.mul"(%1, %x) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %2 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @another_slope_is_another_function
// CHECK-NEXT:    %[[A:.+]] = "qd.hard_sigmoid"(%arg0) {alpha = 2.000000e-01 : f32, beta = 5.000000e-01 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.mul"(%arg0, %[[A]]) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x2x3x3xf32>
func.func @another_slope_is_another_function(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.hard_sigmoid"(%x) {alpha = 2.0e-1 : f32, beta = 5.0e-1 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.mul"(%x, %0) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @a_gate_from_elsewhere_stays_a_product
// CHECK-NEXT:    %[[A:.+]] = "qd.sigmoid"(%arg1) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.mul"(%arg0, %[[A]]) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x2x3x3xf32>
func.func @a_gate_from_elsewhere_stays_a_product(%x: tensor<1x2x3x3xf32>, %y: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "qd.sigmoid"(%y) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.mul"(%x, %0) : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @other_bounds_are_another_function
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<3.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.clamp"(%[[C]]) {high = 5.000000e+00 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.constant"() {value = dense<0.166666672> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[G:.+]] = "qd.scale_shift"(%[[D]], %[[E]], %[[F]]) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[G]] : tensor<1x2x3x3xf32>
func.func @other_bounds_are_another_function(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %s0 = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %h0 = "qd.constant"() {value = dense<3.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s0, %h0) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.clamp"(%0) {low = 0.0 : f32, high = 5.0 : f32} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %s2 = "qd.constant"() {value = dense<0.166666672> : tensor<2xf32>} : () -> tensor<2xf32>
  %h2 = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %2 = "qd.scale_shift"(%1, %s2, %h2) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %2 : tensor<1x2x3x3xf32>
}
