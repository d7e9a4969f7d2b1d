// RUN: dyadic-opt -p use-i-bert %s | filecheck %s

// CHECK-LABEL: func.func @names_are_exchanged
func.func @names_are_exchanged(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %none = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %all = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  // CHECK: "qd.attention"({{.*}}) {qd.nonlinear = "i-bert", scale = 1.000000e+00 : f64}
  %a = "qd.attention"(%x, %x, %x, %none, %all) {scale = 1.0 : f64} : (tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x3x2xf32>
  // CHECK: "qd.gelu_i_bert"
  %b = "qd.gelu"(%a) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  // CHECK: "qd.gelu_i_bert"
  %c = "qd.gelu_tanh"(%b) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  // CHECK-NOT: qd.gelu
  return %c : tensor<1x3x2xf32>
}
