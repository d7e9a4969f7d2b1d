// RUN: dyadic-opt -p align-pixels,assign-layouts,plan-memory --split-input-file %s | filecheck %s

// A pixel of 3 channels has 4 bytes, one of 6 has 8, one of 12 has 16 and one of 20 has 32.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.kept_rings, qi.pixel_bytes = 16 : i64
// CHECK:         "qi.quantize"{{.*}}strides = array<i64: 8, 4, 1>
// CHECK:         "qi.quantize"{{.*}}strides = array<i64: 16, 8, 1>
// CHECK:         "qi.quantize"{{.*}}strides = array<i64: 32, 16, 1>
// CHECK:         "qi.quantize"{{.*}}strides = array<i64: 64, 32, 1>
func.func @main(%a: tensor<1x2x2x3xf32>, %b: tensor<1x2x2x6xf32>, %c: tensor<1x2x2x12xf32>, %d: tensor<1x2x2x20xf32>) -> (tensor<1x2x2x3xf32>, tensor<1x2x2x6xf32>, tensor<1x2x2x12xf32>, tensor<1x2x2x20xf32>) {
  %p = "qi.quantize"(%a) : (tensor<1x2x2x3xf32>) -> tensor<1x2x2x3x!quant.uniform<u8:f32, 0.5:3>>
  %q = "qi.quantize"(%b) : (tensor<1x2x2x6xf32>) -> tensor<1x2x2x6x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.quantize"(%c) : (tensor<1x2x2x12xf32>) -> tensor<1x2x2x12x!quant.uniform<u8:f32, 0.5:3>>
  %s = "qi.quantize"(%d) : (tensor<1x2x2x20xf32>) -> tensor<1x2x2x20x!quant.uniform<u8:f32, 0.5:3>>
  %t = "qi.dequantize"(%p) : (tensor<1x2x2x3x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x2x3xf32>
  %u = "qi.dequantize"(%q) : (tensor<1x2x2x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x2x6xf32>
  %v = "qi.dequantize"(%r) : (tensor<1x2x2x12x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x2x12xf32>
  %w = "qi.dequantize"(%s) : (tensor<1x2x2x20x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x2x20xf32>
  return %t, %u, %v, %w : tensor<1x2x2x3xf32>, tensor<1x2x2x6xf32>, tensor<1x2x2x12xf32>, tensor<1x2x2x20xf32>
}

// -----

// What has a ring shares its place with nothing, while the result lies where the input was. Behind each, 16 bytes may be
// read.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.arena = array<i64: 192, 0, 192, 320>
// CHECK-SAME:    qi.buffers = array<i64: 128, 192, 128>
func.func @main(%x: tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
  %a = "qi.requant"(%q) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/scale")
  %w = "qi.constant"() {value = dense<1> : tensor<4x3x3x4xi8>} : () -> tensor<4x3x3x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %c = "qi.conv2d"(%a, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 100>} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<4x3x3x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>, tensor<4xi32>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/conv")
  %r = "qi.dequantize"(%c) : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4xf32>
  return %r : tensor<1x4x4x4xf32>
}

// -----

// What is joined along rows is made in its place; the constant is copied there once, so nothing else gets its memory.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.arena = array<i64: 256, 0, 448>
// CHECK:         "qi.requant"{{.*}}qi.layout = {buffer = 1 : i64, image = 256 : i64, offset = 64 : i64
// CHECK:         "qi.concat"{{.*}}qi.layout = {buffer = 1 : i64, image = 256 : i64, offset = 0 : i64{{.*}}qi.placed = array<i64: 0, 1>
func.func @main(%x: tensor<1x2x4x16xf32>) -> tensor<1x3x4x16xf32> {
  %c = "qi.constant"() {value = dense<1> : tensor<1x1x4x16xi8>} : () -> tensor<1x1x4x16x!quant.uniform<u8:f32, 0.5:3>>
  %q = "qi.quantize"(%x) : (tensor<1x2x4x16xf32>) -> tensor<1x2x4x16x!quant.uniform<u8:f32, 0.5:3>>
  %n = "qi.requant"(%q) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x4x16x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x4x16x!quant.uniform<u8:f32, 0.5:3>>
  %j = "qi.concat"(%c, %n) {axis = 1 : i64} : (tensor<1x1x4x16x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x2x4x16x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x4x16x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%j) : (tensor<1x3x4x16x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x4x16xf32>
  return %r : tensor<1x3x4x16xf32>
}

// -----

// A signal that a convolution reads as an image is written where that lies, inside of its ring: channels last ...
// CHECK-LABEL: func.func @main
// CHECK:         "qi.quantize"{{.*}}qi.layout = {buffer = 0 : i64, image = 192 : i64, offset = 16 : i64, strides = array<i64: 0, 1, 16>}
// CHECK:         "qi.transpose"{{.*}}qi.layout = {buffer = 0 : i64, image = 192 : i64, offset = 16 : i64, strides = array<i64: 0, 16, 1>}, qi.placed = array<i64: 1>
// CHECK:         "qi.reshape"{{.*}}qi.layout = {buffer = 0 : i64, halo = array<i64: 0, 0, 1, 1, 0, 0>, image = 192 : i64, offset = 16 : i64, strides = array<i64: 128, 16, 1>}, qi.placed = array<i64: 1>
func.func @main(%x: tensor<1x9x6xf32>) -> tensor<1x1x6x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x9x6xf32>) -> tensor<1x9x6x!quant.uniform<u8:f32, 0.5:3>>
  %t = "qi.transpose"(%q) {permutation = array<i64: 0, 2, 1>} : (tensor<1x9x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x6x9x!quant.uniform<u8:f32, 0.5:3>>
  %i = "qi.reshape"(%t) : (tensor<1x6x9x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x6x9x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<1> : tensor<4x1x3x9xi8>} : () -> tensor<4x1x3x9x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %c = "qi.conv2d"(%i, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 1, 0, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x6x9x!quant.uniform<u8:f32, 0.5:3>>, tensor<4x1x3x9x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>, tensor<4xi32>) -> tensor<1x1x6x4x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%c) : (tensor<1x1x6x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x6x4xf32>
  return %r : tensor<1x1x6x4xf32>
}

// -----

// ... or one channel, whose samples are pixels then.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.quantize"{{.*}}qi.layout = {buffer = 0 : i64, image = 64 : i64, offset = 4 : i64, strides = array<i64: 0, 32, 4>}
// CHECK:         "qi.reshape"{{.*}}qi.layout = {buffer = 0 : i64, halo = array<i64: 0, 0, 1, 1, 0, 0>, image = 64 : i64, offset = 4 : i64, strides = array<i64: 32, 4, 1>}, qi.placed = array<i64: 1>
func.func @main(%x: tensor<1x1x6xf32>) -> tensor<1x1x6x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x1x6xf32>) -> tensor<1x1x6x!quant.uniform<u8:f32, 0.5:3>>
  %i = "qi.reshape"(%q) : (tensor<1x1x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x6x1x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<1> : tensor<4x1x3x1xi8>} : () -> tensor<4x1x3x1x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %c = "qi.conv2d"(%i, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 1, 0, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x6x1x!quant.uniform<u8:f32, 0.5:3>>, tensor<4x1x3x1x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>, tensor<4xi32>) -> tensor<1x1x6x4x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%c) : (tensor<1x1x6x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x6x4xf32>
  return %r : tensor<1x1x6x4xf32>
}

// -----

// Not where others read the signal, too.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.quantize"{{.*}}qi.layout = {buffer = 0 : i64,
// CHECK:         "qi.reshape"{{.*}}qi.layout = {buffer = 1 : i64,
func.func @main(%x: tensor<1x1x6xf32>) -> (tensor<1x1x6x4xf32>, tensor<1x1x6xf32>) {
  %q = "qi.quantize"(%x) : (tensor<1x1x6xf32>) -> tensor<1x1x6x!quant.uniform<u8:f32, 0.5:3>>
  %i = "qi.reshape"(%q) : (tensor<1x1x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x6x1x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<1> : tensor<4x1x3x1xi8>} : () -> tensor<4x1x3x1x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %c = "qi.conv2d"(%i, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 1, 0, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x6x1x!quant.uniform<u8:f32, 0.5:3>>, tensor<4x1x3x1x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>, tensor<4xi32>) -> tensor<1x1x6x4x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%c) : (tensor<1x1x6x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x6x4xf32>
  %s = "qi.dequantize"(%q) : (tensor<1x1x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x6xf32>
  return %r, %s : tensor<1x1x6x4xf32>, tensor<1x1x6xf32>
}
