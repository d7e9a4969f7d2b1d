// RUN: dyadic-opt -p assign-layouts --split-input-file %s | filecheck %s

// The image is read by a padded convolution: a ring of one pixel, pixels of 3 channels in 4 bytes.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 256, 192>
// CHECK:         "qi.quantize"(%arg0) {qi.layout = {buffer = 0 : i64, halo = array<i64: 1, 1, 1, 1, 0, 0>, image = 256 : i64, offset = 36 : i64, strides = array<i64: 32, 4, 1>}}
// CHECK:         "qi.conv2d"{{.*}}qi.layout = {buffer = 1 : i64, image = 192 : i64, offset = 0 : i64, strides = array<i64: 24, 4, 1>}
func.func @main(%x: tensor<1x6x6x3xf32>) -> tensor<1x6x6x2xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x6x6x3xf32>) -> tensor<1x6x6x3x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<1> : tensor<2x3x3x3xi8>} : () -> tensor<2x3x3x3x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %c = "qi.conv2d"(%q, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 100>} : (tensor<1x6x6x3x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x3x3x3x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>>, tensor<2xi32>) -> tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%c) : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x6x6x2xf32>
  return %r : tensor<1x6x6x2xf32>
}

// -----

// The inputs of a concat are slices of its buffer; the input of the network is copied, since the runtime writes it first.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 64, 128>
// CHECK:         "qi.quantize"(%arg0) {qi.layout = {buffer = 0 : i64
// CHECK:         "qi.requant"{{.*}}qi.layout = {buffer = 1 : i64, image = 128 : i64, offset = 4 : i64, strides = array<i64: 32, 8, 1>}
// CHECK:         "qi.concat"{{.*}}qi.layout = {buffer = 1 : i64, image = 128 : i64, offset = 0 : i64, strides = array<i64: 32, 8, 1>}, qi.placed = array<i64: 0, 1>
func.func @main(%x: tensor<1x4x4x4xf32>) -> tensor<1x4x4x8xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
  %n = "qi.requant"(%q) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
  %c = "qi.concat"(%q, %n) {axis = 3 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x8x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%c) : (tensor<1x4x4x8x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x8xf32>
  return %r : tensor<1x4x4x8xf32>
}

// -----

// One number behind the channels of all pixels: the runtime writes it with them, and nothing is copied.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 128>
// CHECK:         "qi.quantize"(%arg0) {qi.layout = {buffer = 0 : i64, image = 128 : i64, offset = 0 : i64, strides = array<i64: 16, 4, 1>}, qi.mark = 255 : i64}
// CHECK:         "qi.concat"{{.*}}qi.layout = {buffer = 0 : i64, image = 128 : i64, offset = 0 : i64, strides = array<i64: 16, 4, 1>}, qi.placed = array<i64: 1, 1>
func.func @main(%x: tensor<1x5x4x3xf32> {qd.name = "x", qd.dtype = "uint8", qd.pixels = 1 : i64}) -> tensor<1x5x4x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x5x4x3xf32>) -> tensor<1x5x4x3x!quant.uniform<u8:f32, 1.0>>
  %n = "qi.constant"() {value = dense<-1> : tensor<1x5x4x1xi8>} : () -> tensor<1x5x4x1x!quant.uniform<u8:f32, 1.0>>
  %c = "qi.concat"(%q, %n) {axis = 3 : i64} : (tensor<1x5x4x3x!quant.uniform<u8:f32, 1.0>>, tensor<1x5x4x1x!quant.uniform<u8:f32, 1.0>>) -> tensor<1x5x4x4x!quant.uniform<u8:f32, 1.0>>
  %r = "qi.dequantize"(%c) : (tensor<1x5x4x4x!quant.uniform<u8:f32, 1.0>>) -> tensor<1x5x4x4xf32>
  return %r : tensor<1x5x4x4xf32>
}

// -----

// A reshape of dense data stays where it is, and three channels are then not padded to four.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 64>
// CHECK:         "qi.quantize"(%arg0) {qi.layout = {buffer = 0 : i64, {{.*}} strides = array<i64: 12, 3, 1>}}
// CHECK:         "qi.reshape"{{.*}}qi.layout = {buffer = 0 : i64, {{.*}} strides = array<i64: 48, 48, 1>}, qi.placed = array<i64: 1>
func.func @main(%x: tensor<1x4x4x3xf32>) -> tensor<1x48xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x3xf32>) -> tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>
  %s = "qi.reshape"(%q) : (tensor<1x4x4x3x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x48x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%s) : (tensor<1x48x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x48xf32>
  return %r : tensor<1x48xf32>
}

// -----

// Heads are read where they lie, 2 of 4 bytes in each of 3 rows, and written so.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 64, 64>
// CHECK:         "qi.transpose"({{.*}}) {{{.*}}qi.layout = {buffer = 0 : i64, image = 64 : i64, offset = 0 : i64, strides = array<i64: 4, 8, 1>}, qi.placed = array<i64: 1>}
// CHECK:         "qi.attention"({{.*}}) {{{.*}}qi.layout = {buffer = 1 : i64, image = 64 : i64, offset = 0 : i64, strides = array<i64: 4, 8, 1>}
// CHECK:         "qi.transpose"({{.*}}) {{{.*}}qi.layout = {buffer = 1 : i64, image = 64 : i64, offset = 0 : i64, strides = array<i64: 8, 4, 1>}, qi.placed = array<i64: 1>}
func.func @main(%x: tensor<1x3x8xf32>) -> tensor<1x3x8xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x3x8xf32>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>
  %h = "qi.reshape"(%q) : (tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x2x4x!quant.uniform<u8:f32, 0.5:3>>
  %t = "qi.transpose"(%h) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x3x2x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x3x4x!quant.uniform<u8:f32, 0.5:3>>
  %b = "qi.constant"() {value = dense<0> : tensor<1xi32>} : () -> tensor<1xi32>
  %n = "qi.constant"() {value = dense<1> : tensor<1x1x1x3xui8>} : () -> tensor<1x1x1x3x!quant.uniform<u8<0:1>:f32, 1.0>>
  %a = "qi.attention"(%t, %t, %t, %b, %n) {acc = array<i64: -9, 9>, distance_multiplier = 96818 : i64, distance_shift = 16 : i64, farthest = 44360 : i64, high = 255 : i64, low = 0 : i64, multiplier = 1073741824 : i64, shift = 30 : i64} : (tensor<1x2x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x2x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x2x3x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1xi32>, tensor<1x1x1x3x!quant.uniform<u8<0:1>:f32, 1.0>>) -> tensor<1x2x3x4x!quant.uniform<u8:f32, 0.5:3>>
  %u = "qi.transpose"(%a) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x2x3x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x2x4x!quant.uniform<u8:f32, 0.5:3>>
  %m = "qi.reshape"(%u) : (tensor<1x3x2x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%m) : (tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x8xf32>
  return %r : tensor<1x3x8xf32>
}

// -----

// A reshape is copied where a padded convolution reads a slice of its result: the ring needs a buffer with room for it.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.reshape"{{.*}}qi.layout = {buffer = 1 : i64, halo = array<i64: 1, 1, 1, 1, 0, 0>, {{.*}}}, qi.placed = array<i64: 0>
// CHECK:         "qi.slice"{{.*}}qi.layout = {buffer = 1 : i64, halo = array<i64: 1, 1, 1, 1, 0, 0>, {{.*}}}
func.func @main(%x: tensor<1x36x6xf32>) -> tensor<1x6x6x2xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x36x6xf32>) -> tensor<1x36x6x!quant.uniform<u8:f32, 0.5:3>>
  %i = "qi.reshape"(%q) : (tensor<1x36x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x6x6x6x!quant.uniform<u8:f32, 0.5:3>>
  %s = "qi.slice"(%i) {starts = array<i64: 0, 0, 0, 2>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x6x6x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x6x6x3x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<1> : tensor<2x3x3x3xi8>} : () -> tensor<2x3x3x3x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %c = "qi.conv2d"(%s, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 100>} : (tensor<1x6x6x3x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x3x3x3x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>>, tensor<2xi32>) -> tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%c) : (tensor<1x6x6x2x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x6x6x2xf32>
  return %r : tensor<1x6x6x2xf32>
}
