// RUN: dyadic-opt -p read-through,assign-layouts --split-input-file %s | filecheck %s

// Every second pixel is read where it is, and channels around it that only a layer's addition reads are nowhere.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 64, 64>
// CHECK:         "qi.slice"{{.*}}qi.layout = {buffer = 0 : i64, {{.*}}strides = array<i64: 32, 8, 1>}, qi.placed = array<i64: 1>, qi.read_through
// CHECK:         "qi.pad"{{.*}}qi.layout = {buffer = 0 : i64, {{.*}}strides = array<i64: 32, 8, 1>}, qi.placed = array<i64: 1>, qi.read_through
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>
func.func @main(%x: tensor<1x4x4x1xf32>) -> tensor<1x2x2x2xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x1xf32>) -> tensor<1x4x4x1x!q>
  %s = "qi.slice"(%q) {starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 2, 2, 1>} : (tensor<1x4x4x1x!q>) -> tensor<1x2x2x1x!q>
  %p = "qi.pad"(%s) {low = array<i64: 0, 0, 0, 1>, high = array<i64: 0, 0, 0, 0>, value = 3 : i64} : (tensor<1x2x2x1x!q>) -> tensor<1x2x2x2x!q>
  %w = "qi.constant"() {value = dense<1> : tensor<2x1x1x1xi8>} : () -> tensor<2x1x1x1x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %a = "qi.conv_add"(%q, %w, %b, %p) {channels_last, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, residual_multiplier = array<i32: 1, 1>, residual_shift = 5 : i64, low = 0 : i64, high = 255 : i64, acc = array<i64: -10, 1100>} : (tensor<1x4x4x1x!q>, tensor<2x1x1x1x!w>, tensor<2xi32>, tensor<1x2x2x2x!q>) -> tensor<1x2x2x2x!q>
  %r = "qi.dequantize"(%a) : (tensor<1x2x2x2x!q>) -> tensor<1x2x2x2xf32>
  return %r : tensor<1x2x2x2xf32>
}

// -----

// A row in front is written once; the others are made behind it, through a reshape. One row of the result is read where
// it is, under another shape, too.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 64, 64>
// CHECK:         "qi.requant"{{.*}}qi.layout = {buffer = 1 : i64, image = 64 : i64, offset = 8 : i64, strides = array<i64: 16, 8, 1>}
// CHECK:         "qi.reshape"{{.*}}qi.layout = {buffer = 1 : i64, image = 64 : i64, offset = 8 : i64, strides = array<i64: 40, 8, 1>}, qi.placed = array<i64: 1>
// CHECK:         "qi.pad"{{.*}}qi.layout = {buffer = 1 : i64, image = 64 : i64, offset = 0 : i64, strides = array<i64: 40, 8, 1>}, qi.made_inside, qi.placed = array<i64: 1>
// CHECK:         "qi.slice"{{.*}}qi.layout = {buffer = 1 : i64, image = 64 : i64, offset = 16 : i64, strides = array<i64: 40, 8, 1>}, qi.placed = array<i64: 1>, qi.read_through
// CHECK:         "qi.reshape"{{.*}}qi.layout = {buffer = 1 : i64, image = 64 : i64, offset = 16 : i64, {{.*}}qi.placed = array<i64: 1>
!q = !quant.uniform<u8:f32, 0.5:3>
func.func @main(%x: tensor<1x2x2x8xf32>) -> tensor<1x8xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x2x2x8xf32>) -> tensor<1x2x2x8x!q>
  %n = "qi.requant"(%q) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x8x!q>) -> tensor<1x2x2x8x!q>
  %f = "qi.reshape"(%n) : (tensor<1x2x2x8x!q>) -> tensor<1x4x8x!q>
  %p = "qi.pad"(%f) {low = array<i64: 0, 1, 0>, high = array<i64: 0, 0, 0>, value = 3 : i64} : (tensor<1x4x8x!q>) -> tensor<1x5x8x!q>
  %s = "qi.slice"(%p) {starts = array<i64: 0, 2, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x5x8x!q>) -> tensor<1x1x8x!q>
  %g = "qi.reshape"(%s) : (tensor<1x1x8x!q>) -> tensor<1x8x!q>
  %r = "qi.dequantize"(%g) : (tensor<1x8x!q>) -> tensor<1x8xf32>
  return %r : tensor<1x8xf32>
}

// -----

// Two rows of three are no run of elements, so that a reshape of them is a copy; channels around a tensor that is read
// otherwise are written; and a ring needs a place of its own.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.slice"
// CHECK-NOT:     qi.read_through
// CHECK:         "qi.pad"
// CHECK-NOT:     qi.read_through
// CHECK:         "qi.slice"
// CHECK-NOT:     qi.read_through
// CHECK:         return
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0}>
func.func @main(%x: tensor<1x3x3x2xf32>) -> (tensor<1x8xf32>, tensor<1x3x3x3xf32>, tensor<1x2x3x1xf32>) {
  %q = "qi.quantize"(%x) : (tensor<1x3x3x2xf32>) -> tensor<1x3x3x2x!q>
  %s = "qi.slice"(%q) {starts = array<i64: 0, 1, 1, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x3x3x2x!q>) -> tensor<1x2x2x2x!q>
  %g = "qi.reshape"(%s) : (tensor<1x2x2x2x!q>) -> tensor<1x8x!q>
  %p = "qi.pad"(%q) {low = array<i64: 0, 0, 0, 1>, high = array<i64: 0, 0, 0, 0>, value = 3 : i64} : (tensor<1x3x3x2x!q>) -> tensor<1x3x3x3x!q>
  %t = "qi.slice"(%q) {starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x3x3x2x!q>) -> tensor<1x2x3x2x!q>
  %w = "qi.constant"() {value = dense<1> : tensor<1x3x3x2xi8>} : () -> tensor<1x3x3x2x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<1xi32>} : () -> tensor<1xi32>
  %c = "qi.conv2d"(%t, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824>, shift = array<i32: 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 100>} : (tensor<1x2x3x2x!q>, tensor<1x3x3x2x!w>, tensor<1xi32>) -> tensor<1x2x3x1x!q>
  %r0 = "qi.dequantize"(%g) : (tensor<1x8x!q>) -> tensor<1x8xf32>
  %r1 = "qi.dequantize"(%p) : (tensor<1x3x3x3x!q>) -> tensor<1x3x3x3xf32>
  %r2 = "qi.dequantize"(%c) : (tensor<1x2x3x1x!q>) -> tensor<1x2x3x1xf32>
  return %r0, %r1, %r2 : tensor<1x8xf32>, tensor<1x3x3x3xf32>, tensor<1x2x3x1xf32>
}
