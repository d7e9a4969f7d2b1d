// RUN: dyadic-opt -p align-pixels,assign-layouts,plan-memory,select-gpu-kernels %s | filecheck %s

// The ring of what a padded convolution reads is written once, before all steps; the result of the pool needs none.
// CHECK-LABEL: func.func @main()
// CHECK-SAME:    qi.inputs = [{layout = {{{.*}}strides = array<i64: 24, 4, 1>}
// CHECK-NEXT:    "qi.launch"() {{.*}}kernel = "ring_{{[0-9a-f]+}}", layer = "{{.*}}", {{.*}}qi.setup{{.*}}rows = 4 : i64
// CHECK-NEXT:    "qi.launch"() {{.*}}inputs = array<i64: 0, 0>, kernel = "product_{{[0-9a-f]+}}", layer = "/conv", {{.*}}out = array<i64: 1, 0>
// CHECK-NEXT:    "qi.launch"() {{.*}}inputs = array<i64: 1, 0>, kernel = "avg_pool_{{[0-9a-f]+}}", layer = "/pool", {{.*}}out = array<i64: 2, 0>
// CHECK-NEXT:    return
func.func @main(%x: tensor<1x4x4x4xf32>) -> tensor<1x1x1x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<1> : tensor<4x3x3x4xi8>} : () -> tensor<4x3x3x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %c = "qi.conv2d"(%q, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 100>} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<4x3x3x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>, tensor<4xi32>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/conv")
  %p = "qi.avg_pool"(%c) {channels_last, count_include_pad = false, kernel = array<i64: 4, 4>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, counts = array<i64: 16>, multiplier = array<i32: 1073741824>, shift = array<i32: 34>, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/pool")
  %r = "qi.dequantize"(%p) : (tensor<1x1x1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x1x4xf32>
  return %r : tensor<1x1x1x4xf32>
}
