// RUN: dyadic-opt -p join-pools,read-pools,assign-layouts --split-input-file %s | filecheck %s

// Windows that overlap are found by the layer that alone reads them: the pool's pixels are the first ones of its windows.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.quantize"{{.*}}qi.layout = {buffer = 0 : i64, {{.*}}strides = array<i64: 28, 4, 1>}
// CHECK:         "qi.max_pool"{{.*}}qi.layout = {buffer = 0 : i64, {{.*}}strides = array<i64: 56, 8, 1>}, qi.read_through
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>
func.func @main(%x: tensor<1x7x7x4xf32>) -> (tensor<1x3x3x4xf32>) {
  %w = "qi.constant"() {value = dense<1> : tensor<4x1x1x4xi8>} : () -> tensor<4x1x1x4x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %q = "qi.quantize"(%x) : (tensor<1x7x7x4xf32>) -> tensor<1x7x7x4x!q>
  %1 = "qi.max_pool"(%q) {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x7x7x4x!q>) -> tensor<1x3x3x4x!q>
  %2 = "qi.conv2d"(%1, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x3x3x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x3x3x4x!q>
  %o0 = "qi.dequantize"(%2) : (tensor<1x3x3x4x!q>) -> tensor<1x3x3x4xf32>
  return %o0 : tensor<1x3x3x4xf32>
}

// -----

// What has a border, reaches beyond the image, is read by others, too, or by a layer of single channels, or is made by
// the layer in front, is not.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-4: "qi.max_pool"
// CHECK-NOT:     qi.read_through
// CHECK:         "qi.max_pool"{{.*}}qi.joined
// CHECK-NOT:     qi.read_through
// CHECK:         return
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>
func.func @main(%x: tensor<1x6x6x4xf32>) -> (tensor<1x3x3x4xf32>, tensor<1x3x3x4xf32>, tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>, tensor<1x3x3x4xf32>) {
  %w = "qi.constant"() {value = dense<1> : tensor<4x1x1x4xi8>} : () -> tensor<4x1x1x4x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %q = "qi.quantize"(%x) : (tensor<1x6x6x4xf32>) -> tensor<1x6x6x4x!q>
  %d = "qi.constant"() {value = dense<1> : tensor<4x1x1x1xi8>} : () -> tensor<4x1x1x1x!w>
  %1 = "qi.max_pool"(%q) {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 0, 0, 1>, dilation = array<i64: 1, 1>} : (tensor<1x6x6x4x!q>) -> tensor<1x3x3x4x!q>
  %2 = "qi.conv2d"(%1, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x3x3x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x3x3x4x!q>
  %3 = "qi.max_pool"(%q) {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x6x6x4x!q>) -> tensor<1x3x3x4x!q>
  %4 = "qi.conv2d"(%3, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x3x3x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x3x3x4x!q>
  %5 = "qi.max_pool"(%q) {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x6x6x4x!q>) -> tensor<1x2x2x4x!q>
  %6 = "qi.conv2d"(%5, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %7 = "qi.max_pool"(%q) {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x6x6x4x!q>) -> tensor<1x2x2x4x!q>
  %8 = "qi.conv2d"(%7, %d, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 4 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x2x2x4x!q>, tensor<4x1x1x1x!w>, tensor<4xi32>) -> tensor<1x2x2x4x!q>
  %9 = "qi.conv2d"(%q, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x6x6x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x6x6x4x!q>
  %10 = "qi.max_pool"(%9) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x6x6x4x!q>) -> tensor<1x3x3x4x!q>
  %11 = "qi.conv2d"(%10, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x3x3x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x3x3x4x!q>
  %o0 = "qi.dequantize"(%2) : (tensor<1x3x3x4x!q>) -> tensor<1x3x3x4xf32>
  %o1 = "qi.dequantize"(%4) : (tensor<1x3x3x4x!q>) -> tensor<1x3x3x4xf32>
  %o2 = "qi.dequantize"(%5) : (tensor<1x2x2x4x!q>) -> tensor<1x2x2x4xf32>
  %o3 = "qi.dequantize"(%6) : (tensor<1x2x2x4x!q>) -> tensor<1x2x2x4xf32>
  %o4 = "qi.dequantize"(%8) : (tensor<1x2x2x4x!q>) -> tensor<1x2x2x4xf32>
  %o5 = "qi.dequantize"(%11) : (tensor<1x3x3x4x!q>) -> tensor<1x3x3x4xf32>
  return %o0, %o1, %o2, %o3, %o4, %o5 : tensor<1x3x3x4xf32>, tensor<1x3x3x4xf32>, tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>, tensor<1x3x3x4xf32>
}
