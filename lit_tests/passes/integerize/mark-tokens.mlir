// RUN: dyadic-opt -p mark-tokens --split-input-file %s | filecheck %s

// States of tokens may be fewer, and so may what is looked up; a masked mean has no tokens any more.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    (%arg0: tensor<1x6xi32> {qd.tokens = 1 : i64}, %arg1: tensor<1x6xi32> {qd.tokens = 1 : i64}) -> (tensor<1x6x4xf32> {qd.tokens = 1 : i64}, tensor<1x1x4xf32>)
func.func @main(%ids: tensor<1x6xi32>, %m: tensor<1x6xi32>) -> (tensor<1x6x4xf32>, tensor<1x1x4xf32>) {
  %t = "qd.constant"() {value = dense<0.5> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %n = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %q = "qd.constant"() {value = dense<0.0> : tensor<1x1x1xf32>} : () -> tensor<1x1x1xf32>
  %k = "qd.constant"() {value = dense<0.0> : tensor<1x6x1xf32>} : () -> tensor<1x6x1xf32>
  %e = "qd.embedding"(%ids, %t) : (tensor<1x6xi32>, tensor<3x4xf32>) -> tensor<1x6x4xf32>
  %v = "qd.reshape"(%m) : (tensor<1x6xi32>) -> tensor<1x1x6xi32>
  %y = "qd.attention"(%q, %k, %e, %n, %v) {scale = 1.0} : (tensor<1x1x1xf32>, tensor<1x6x1xf32>, tensor<1x6x4xf32>, tensor<1xf32>, tensor<1x1x6xi32>) -> tensor<1x1x4xf32>
  return %e, %y : tensor<1x6x4xf32>, tensor<1x1x4xf32>
}

// -----

// A mean of all tokens depends on padded ones: nothing is marked.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    (%arg0: tensor<1x6xi32>, %arg1: tensor<1x6xi32>) -> (tensor<1x6x4xf32>, tensor<1x4xf32>)
func.func @main(%ids: tensor<1x6xi32>, %m: tensor<1x6xi32>) -> (tensor<1x6x4xf32>, tensor<1x4xf32>) {
  %t = "qd.constant"() {value = dense<0.5> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %n = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %e = "qd.embedding"(%ids, %t) : (tensor<1x6xi32>, tensor<3x4xf32>) -> tensor<1x6x4xf32>
  %v = "qd.reshape"(%m) : (tensor<1x6xi32>) -> tensor<1x1x6xi32>
  %a = "qd.attention"(%e, %e, %e, %n, %v) {scale = 1.0} : (tensor<1x6x4xf32>, tensor<1x6x4xf32>, tensor<1x6x4xf32>, tensor<1xf32>, tensor<1x1x6xi32>) -> tensor<1x6x4xf32>
  %y = "qd.reduce_mean"(%a) {axes = array<i64: 1>, keep = false} : (tensor<1x6x4xf32>) -> tensor<1x4xf32>
  return %a, %y : tensor<1x6x4xf32>, tensor<1x4xf32>
}
