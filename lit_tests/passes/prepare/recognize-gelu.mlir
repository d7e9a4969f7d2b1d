// RUN: dyadic-opt -p recognize-gelu %s | filecheck %s

// CHECK-LABEL: func.func @half_of_the_product
// CHECK-NEXT:    %[[A:.+]] = "qd.gelu"(%arg0) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x3x2xf32>
func.func @half_of_the_product(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %one = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %half = "qd.constant"() {value = dense<0.5> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = "qd.constant"() {value = dense<0.707106769> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %c, %zero) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.erf"(%0) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %2 = "qd.scale_shift"(%1, %one, %one) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %3 = "qd.mul"(%x, %2) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %4 = "qd.scale_shift"(%3, %half, %zero) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  return %4 : tensor<1x3x2xf32>
}

// CHECK-LABEL: func.func @half_of_x_first
// CHECK-NEXT:    %[[A:.+]] = "qd.gelu"(%arg0) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x3x2xf32>
func.func @half_of_x_first(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %one = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %half = "qd.constant"() {value = dense<0.5> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = "qd.constant"() {value = dense<0.707106769> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %c, %zero) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.erf"(%0) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %2 = "qd.scale_shift"(%1, %one, %one) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %3 = "qd.scale_shift"(%x, %half, %zero) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %4 = "qd.mul"(%2, %3) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %4 : tensor<1x3x2xf32>
}

// CHECK-LABEL: func.func @the_cubic_of_the_tanh_form
// CHECK-NEXT:    %[[A:.+]] = "qd.gelu_tanh"(%arg0) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x3x2xf32>
func.func @the_cubic_of_the_tanh_form(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %one = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %half = "qd.constant"() {value = dense<0.5> : tensor<2xf32>} : () -> tensor<2xf32>
  %cubic = "qd.constant"() {value = dense<0.044715> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = "qd.constant"() {value = dense<0.797884583> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.scale_shift"(%x, %half, %zero) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %0 = "qd.mul"(%x, %x) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.mul"(%0, %x) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %2 = "qd.scale_shift"(%1, %cubic, %zero) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %3 = "qd.add"(%x, %2) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %4 = "qd.scale_shift"(%3, %c, %zero) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %5 = "qd.tanh"(%4) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %6 = "qd.scale_shift"(%5, %one, %one) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %7 = "qd.mul"(%h, %6) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %7 : tensor<1x3x2xf32>
}

// The number inside becomes part of the layer in front, the one outside of the layer behind.
// CHECK-LABEL: func.func @the_sigmoid_form
// CHECK:         %[[A:.+]] = "qd.scale_shift"(%arg0, {{.*}}) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.silu"(%[[A]]) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.constant"() {value = dense<0.587544084> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK:         %[[D:.+]] = "qd.scale_shift"(%[[B]], %[[C]], {{.*}}) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[D]] : tensor<1x3x2xf32>
func.func @the_sigmoid_form(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = "qd.constant"() {value = dense<1.702> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %c, %zero) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.sigmoid"(%0) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %2 = "qd.mul"(%x, %1) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %2 : tensor<1x3x2xf32>
}

// CHECK-LABEL: func.func @another_number_inside_is_another_function
// CHECK:         "qd.erf"
// CHECK:         "qd.mul"
func.func @another_number_inside_is_another_function(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %one = "qd.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = "qd.constant"() {value = dense<0.5> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %c, %zero) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.erf"(%0) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %2 = "qd.scale_shift"(%1, %one, %one) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %3 = "qd.mul"(%x, %2) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %3 : tensor<1x3x2xf32>
}
