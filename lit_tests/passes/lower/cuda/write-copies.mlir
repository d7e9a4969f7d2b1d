// RUN: dyadic-opt -p write-copies,assign-layouts --split-input-file %s | filecheck %s

// The copy lies behind both planes of the norm's result, and its kernel is the norm's.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 64, 192, 64>
// CHECK:         "qi.layer_norm"{{.*}}qi.layout = {buffer = 1 : i64, image = 192 : i64, offset = 0 : i64, plane = 64 : i64, strides = array<i64: 24, 8, 1>}
// CHECK:         "qi.requant"{{.*}}qi.joined, qi.layout = {buffer = 1 : i64, image = 192 : i64, offset = 128 : i64, strides = array<i64: 24, 8, 1>}
func.func @main(%x: tensor<1x3x8xf32>) -> (tensor<1x3x8xf32>, tensor<1x3x8xf32>) {
  %q = "qi.quantize"(%x) : (tensor<1x3x8xf32>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>
  %g = "qi.constant"() {value = dense<100> : tensor<8xi32>} : () -> tensor<8xi32>
  %n = "qi.layer_norm"(%q, %g, %g) {epsilon = 9 : i64, shift = 5 : i64, low = -32768 : i64, high = 32767 : i64, centered = true, acc = array<i64: -10, 100>} : (tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>, tensor<8xi32>, tensor<8xi32>) -> tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>
  %c = "qi.requant"(%n) {multiplier = 1518500250 : i64, shift = 37 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>
  %s = "qi.add"(%n, %n) {multiplier_a = 1073741824 : i64, multiplier_b = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>, tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>
  %r = "qi.dequantize"(%c) : (tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>) -> tensor<1x3x8xf32>
  %t = "qi.dequantize"(%s) : (tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x8xf32>
  return %r, %t : tensor<1x3x8xf32>, tensor<1x3x8xf32>
}

// -----

// Of several copies none is written beside, and none of 16 bits.
// CHECK-LABEL: func.func @main
// CHECK-NOT:     qi.joined
func.func @main(%x: tensor<1x3x8xf32>) -> (tensor<1x3x8xf32>, tensor<1x3x8xf32>) {
  %q = "qi.quantize"(%x) : (tensor<1x3x8xf32>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>
  %g = "qi.constant"() {value = dense<100> : tensor<8xi32>} : () -> tensor<8xi32>
  %n = "qi.layer_norm"(%q, %g, %g) {epsilon = 9 : i64, shift = 5 : i64, low = -32768 : i64, high = 32767 : i64, centered = true, acc = array<i64: -10, 100>} : (tensor<1x3x8x!quant.uniform<u8:f32, 0.5:3>>, tensor<8xi32>, tensor<8xi32>) -> tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>
  %c = "qi.requant"(%n) {multiplier = 1518500250 : i64, shift = 37 : i64, low = 100 : i64, high = 255 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>
  %u = "qi.requant"(%n) {multiplier = 1518500250 : i64, shift = 38 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>
  %s = "qi.requant"(%n) {multiplier = 1518500250 : i64, shift = 31 : i64, low = -32768 : i64, high = 32767 : i64} : (tensor<1x3x8x!quant.uniform<i16:f32, 0.001>>) -> tensor<1x3x8x!quant.uniform<i16:f32, 0.002>>
  %r = "qi.dequantize"(%c) : (tensor<1x3x8x!quant.uniform<u8:f32, 0.05:128>>) -> tensor<1x3x8xf32>
  %t = "qi.dequantize"(%s) : (tensor<1x3x8x!quant.uniform<i16:f32, 0.002>>) -> tensor<1x3x8xf32>
  return %r, %t : tensor<1x3x8xf32>, tensor<1x3x8xf32>
}

// -----

// A scale and shift for each channel writes a copy of what it reads, in its place in what that is joined in.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.conv2d"{{.*}}qi.copies, qi.layout = {buffer = 1 : i64, image = 576 : i64, offset = 6 : i64, strides = array<i64: 112, 16, 1>}
// CHECK:         "qi.requant"{{.*}}qi.joined, qi.layout = {buffer = 1 : i64, image = 576 : i64, offset = 0 : i64, strides = array<i64: 112, 16, 1>}
func.func @main(%x: tensor<1x5x7x6xf32>) -> (tensor<1x5x7x12xf32>) attributes {qi.pixel_bytes = 16 : i64} {
  %q = "qi.quantize"(%x) : (tensor<1x5x7x6xf32>) -> tensor<1x5x7x6x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<[[[[100]]],[[[-3]]],[[[127]]],[[[0]]],[[[-127]]],[[[50]]]]> : tensor<6x1x1x1xi8>} : () -> tensor<6x1x1x1x!quant.uniform<i8<-127:127>:f32:0, {0.1, 0.1, 0.1, 0.1, 0.1, 0.1}>>
  %b = "qi.constant"() {value = dense<[100, 2000, -5000, 17, 20000, 3]> : tensor<6xi32>} : () -> tensor<6xi32>
  %n = "qi.conv2d"(%q, %w, %b) {channels_last, acc = array<i64: -60000, 60000>, form = "wide", groups = 6 : i64, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, multiplier = array<i32: 1518500250, 1518500250, 1518500250, 1518500250, 1518500250, 2018500250>, shift = array<i32: 38, 35, 37, 38, 38, 36>, low = 7 : i64, high = 255 : i64} : (tensor<1x5x7x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<6x1x1x1x!quant.uniform<i8<-127:127>:f32:0, {0.1, 0.1, 0.1, 0.1, 0.1, 0.1}>>, tensor<6xi32>) -> tensor<1x5x7x6x!quant.uniform<u8:f32, 0.8:7>>
  %c = "qi.requant"(%q) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x5x7x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x5x7x6x!quant.uniform<u8:f32, 0.8:7>>
  %j = "qi.concat"(%c, %n) {axis = 3 : i64} : (tensor<1x5x7x6x!quant.uniform<u8:f32, 0.8:7>>, tensor<1x5x7x6x!quant.uniform<u8:f32, 0.8:7>>) -> tensor<1x5x7x12x!quant.uniform<u8:f32, 0.8:7>>
  %r = "qi.dequantize"(%j) : (tensor<1x5x7x12x!quant.uniform<u8:f32, 0.8:7>>) -> tensor<1x5x7x12xf32>
  return %r : tensor<1x5x7x12xf32>
}

// -----

// Not where it would come too late, nor where it has other windows.
// CHECK-LABEL: func.func @main
// CHECK-NOT:     qi.joined
func.func @main(%x: tensor<1x5x7x1xf32>) -> (tensor<1x5x7x2xf32>, tensor<1x5x6x1xf32>) {
  %q = "qi.quantize"(%x) : (tensor<1x5x7x1xf32>) -> tensor<1x5x7x1x!quant.uniform<u8:f32, 0.5:3>>
  %v = "qi.constant"() {value = dense<100> : tensor<1x1x2x1xi8>} : () -> tensor<1x1x2x1x!quant.uniform<i8<-127:127>:f32:0, {0.1}>>
  %w = "qi.constant"() {value = dense<100> : tensor<1x1x1x1xi8>} : () -> tensor<1x1x1x1x!quant.uniform<i8<-127:127>:f32:0, {0.1}>>
  %b = "qi.constant"() {value = dense<100> : tensor<1xi32>} : () -> tensor<1xi32>
  %p = "qi.conv2d"(%q, %v, %b) {channels_last, acc = array<i64: -90000, 90000>, form = "wide", groups = 1 : i64, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, multiplier = array<i32: 1518500250>, shift = array<i32: 38>, low = 7 : i64, high = 255 : i64} : (tensor<1x5x7x1x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x1x2x1x!quant.uniform<i8<-127:127>:f32:0, {0.1}>>, tensor<1xi32>) -> tensor<1x5x6x1x!quant.uniform<u8:f32, 0.8:7>>
  %c = "qi.requant"(%q) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x5x7x1x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x5x7x1x!quant.uniform<u8:f32, 0.8:7>>
  %n = "qi.conv2d"(%q, %w, %b) {channels_last, acc = array<i64: -60000, 60000>, form = "wide", groups = 1 : i64, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, multiplier = array<i32: 1518500250>, shift = array<i32: 38>, low = 7 : i64, high = 255 : i64} : (tensor<1x5x7x1x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x1x1x1x!quant.uniform<i8<-127:127>:f32:0, {0.1}>>, tensor<1xi32>) -> tensor<1x5x7x1x!quant.uniform<u8:f32, 0.8:7>>
  %j = "qi.concat"(%c, %n) {axis = 3 : i64} : (tensor<1x5x7x1x!quant.uniform<u8:f32, 0.8:7>>, tensor<1x5x7x1x!quant.uniform<u8:f32, 0.8:7>>) -> tensor<1x5x7x2x!quant.uniform<u8:f32, 0.8:7>>
  %r = "qi.dequantize"(%j) : (tensor<1x5x7x2x!quant.uniform<u8:f32, 0.8:7>>) -> tensor<1x5x7x2xf32>
  %s = "qi.dequantize"(%p) : (tensor<1x5x6x1x!quant.uniform<u8:f32, 0.8:7>>) -> tensor<1x5x6x1xf32>
  return %r, %s : tensor<1x5x7x2xf32>, tensor<1x5x6x1xf32>
}

// -----

// A layer writes copies of its result, and of channels of it, but none of several pixels.
// CHECK-LABEL: func.func @main
// CHECK:         %[[Y:.*]] = "qi.linear"
// CHECK:         "qi.requant"(%[[Y]]) {{.*}}qi.joined
// CHECK:         %[[C:.*]] = "qi.slice"(%[[Y]])
// CHECK:         "qi.requant"(%[[C]]) {{.*}}qi.joined
// CHECK:         %[[P:.*]] = "qi.slice"(%[[Y]])
// CHECK-NEXT:    "qi.requant"(%[[P]])
// CHECK-NOT:     qi.joined
!q = !quant.uniform<u8:f32, 0.5:3>
!r = !quant.uniform<u8:f32, 0.8:7>
func.func @main(%x: tensor<1x3x2xf32>) -> (tensor<1x3x2xf32>, tensor<1x3x1xf32>, tensor<1x2x2xf32>) {
  %q = "qi.quantize"(%x) : (tensor<1x3x2xf32>) -> tensor<1x3x2x!q>
  %w = "qi.constant"() {value = dense<[[100, -3], [5, 127]]> : tensor<2x2xi8>} : () -> tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {0.1, 0.1}>>
  %b = "qi.constant"() {value = dense<[100, 2000]> : tensor<2xi32>} : () -> tensor<2xi32>
  %y = "qi.linear"(%q, %w, %b) {acc = array<i64: -90000, 90000>, form = "wide", multiplier = array<i32: 1518500250, 1518500250>, shift = array<i32: 38, 37>, low = 7 : i64, high = 255 : i64} : (tensor<1x3x2x!q>, tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {0.1, 0.1}>>, tensor<2xi32>) -> tensor<1x3x2x!q>
  %a = "qi.requant"(%y) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x3x2x!q>) -> tensor<1x3x2x!r>
  %c = "qi.slice"(%y) {starts = array<i64: 0, 0, 1>, steps = array<i64: 1, 1, 1>} : (tensor<1x3x2x!q>) -> tensor<1x3x1x!q>
  %d = "qi.requant"(%c) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x3x1x!q>) -> tensor<1x3x1x!r>
  %p = "qi.slice"(%y) {starts = array<i64: 0, 1, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x3x2x!q>) -> tensor<1x2x2x!q>
  %e = "qi.requant"(%p) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x2x2x!q>) -> tensor<1x2x2x!r>
  %f = "qi.dequantize"(%a) : (tensor<1x3x2x!r>) -> tensor<1x3x2xf32>
  %g = "qi.dequantize"(%d) : (tensor<1x3x1x!r>) -> tensor<1x3x1xf32>
  %h = "qi.dequantize"(%e) : (tensor<1x2x2x!r>) -> tensor<1x2x2xf32>
  return %f, %g, %h : tensor<1x3x2xf32>, tensor<1x3x1xf32>, tensor<1x2x2xf32>
}

// -----

// A pool writes a copy of its result, which alone is in memory here: nothing else reads the other.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    qi.buffers = array<i64: 64, 0, 64>
// CHECK:         "qi.max_pool"
// CHECK-NEXT:    "qi.requant"{{.*}}qi.joined
!q = !quant.uniform<u8:f32, 0.5:3>
!r = !quant.uniform<u8:f32, 0.8:7>
func.func @main(%x: tensor<1x4x4x2xf32>) -> tensor<1x2x2x2xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x2xf32>) -> tensor<1x4x4x2x!q>
  %y = "qi.max_pool"(%q) {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x4x4x2x!q>) -> tensor<1x2x2x2x!q>
  %c = "qi.requant"(%y) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x2x2x2x!q>) -> tensor<1x2x2x2x!r>
  %r = "qi.dequantize"(%c) : (tensor<1x2x2x2x!r>) -> tensor<1x2x2x2xf32>
  return %r : tensor<1x2x2x2xf32>
}
