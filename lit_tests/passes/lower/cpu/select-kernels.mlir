// RUN: dyadic-opt -p assign-layouts,plan-memory,select-kernels --split-input-file %s | filecheck %s

// Layers of equal shape share one kernel; the boundary becomes attributes; no tensor is left.
// CHECK-LABEL: func.func @main()
// CHECK-SAME:    qi.inputs = [{layout = {{{.*}}strides = array<i64: 16, 4, 1>}, name = "arg0", scale = 5.000000e-01 : f32, shape = array<i64: 1, 4, 4, 4>, steps = array<i64: 0, 255>, zero_point = 3 : i64}]
// CHECK-NEXT:    "qi.launch"() {{.*}}inputs = array<i64: 0, 0>, kernel = "[[K:table_[0-9a-f]+]]", layer = "/first", {{.*}}op = "qi.requant", out = array<i64: 1, 0>
// CHECK-NEXT:    "qi.launch"() {{.*}}inputs = array<i64: 1, 0>, kernel = "[[K]]", layer = "/second", {{.*}}out = array<i64: 2, 0>
// CHECK-NEXT:    "qi.launch"() {{.*}}inputs = array<i64: 2, 0>, kernel = "[[K]]", layer = "/third", {{.*}}out = array<i64: 3, 0>
// CHECK-NEXT:    return
func.func @main(%x: tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
  %a = "qi.requant"(%q) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/first")
  %b = "qi.requant"(%a) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/second")
  %c = "qi.requant"(%b) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/third")
  %r = "qi.dequantize"(%c) : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4xf32>
  return %r : tensor<1x4x4x4xf32>
}

// -----

// The ring of a result that a padded convolution reads is written beside it, overlapping with the step that makes the inside.
// CHECK-LABEL: func.func @main()
// CHECK:         "qi.launch"() {{.*}}layer = "/scale", {{.*}}out = array<i64: 1, 28>, overlap = false
// CHECK-NEXT:    "qi.launch"() {{.*}}kernel = "halo_{{[0-9a-f]+}}", layer = "/scale", {{.*}}out = array<i64: 1, 28>, overlap = true, {{.*}}rows = 4 : i64, {{.*}}tiles = 4 : i64
// CHECK-NEXT:    "qi.launch"() {{.*}}inputs = array<i64: 1, 0>, kernel = "conv_{{[0-9a-f]+}}", layer = "/conv", {{.*}}pixels_outer = false, {{.*}}tiles = 1 : i64
func.func @main(%x: tensor<1x4x4x4xf32>) -> tensor<1x4x4x2xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
  %a = "qi.requant"(%q) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/scale")
  %w = "qi.constant"() {value = dense<1> : tensor<2x3x3x4xi8>} : () -> tensor<2x3x3x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %c = "qi.conv2d"(%a, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 100>} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x3x3x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>>, tensor<2xi32>) -> tensor<1x4x4x2x!quant.uniform<u8:f32, 0.5:3>> loc("/conv")
  %r = "qi.dequantize"(%c) : (tensor<1x4x4x2x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x2xf32>
  return %r : tensor<1x4x4x2xf32>
}

// -----

// Threads share the 196 pixels of a larger image, whose rows are one as no window reaches over their ends.
// CHECK-LABEL: func.func @main()
// CHECK-NEXT:    "qi.launch"() {{.*}}layer = "/conv", {{.*}}columns = 196 : i64, {{.*}}pixels_outer = true, {{.*}}rows = 1 : i64, {{.*}}unit_columns = 98 : i64, unit_rows = 1 : i64, {{.*}}tiles = 2 : i64
func.func @main(%x: tensor<1x14x14x4xf32>) -> tensor<1x14x14x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x14x14x4xf32>) -> tensor<1x14x14x4x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<1> : tensor<4x1x1x4xi8>} : () -> tensor<4x1x1x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %c = "qi.conv2d"(%q, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x14x14x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<4x1x1x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>>, tensor<4xi32>) -> tensor<1x14x14x4x!quant.uniform<u8:f32, 0.5:3>> loc("/conv")
  %r = "qi.dequantize"(%c) : (tensor<1x14x14x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x14x14x4xf32>
  return %r : tensor<1x14x14x4xf32>
}

// -----

// 64 weights of 4 bits a line for 16 channels: two bytes a channel for 3 taps of 4 inputs, rounded up to whole lines. A row of taps is one run, but with groups each tap is a run of its own and has a scale a channel behind the weights.
// CHECK-LABEL: func.func @main()
// CHECK:         "qi.launch"() {{.*}}layer = "/narrow", {{.*}}run_dwords = 3 : i64, {{.*}}taps_x = 1 : i64, {{.*}}weights = "w4"}, {{.*}}weights = dense<{{.*}}> : tensor<128xi8>
// CHECK:         "qi.launch"() {{.*}}layer = "/grouped", {{.*}}run_dwords = 1 : i64, {{.*}}taps_x = 3 : i64, {{.*}}weights = "w4g16"}, {{.*}}weights = dense<{{.*}}> : tensor<240xi8>
func.func @main(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x1x4x4xf32>) -> tensor<1x1x4x4x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<7> : tensor<4x1x3x4xi8>} : () -> tensor<4x1x3x4x!quant.uniform<i4<-7:7>:f32:0, {1.0,1.0,1.0,1.0}>>
  %g = "qi.constant"() {value = dense<14> : tensor<4x1x3x4xi8>, qi.group = 16 : i64, qi.group_scales = dense<2> : tensor<4x1x3x1xi8>} : () -> tensor<4x1x3x4x!quant.uniform<i8<-126:126>:f32:0, {1.0,1.0,1.0,1.0}>>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %c = "qi.conv2d"(%q, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 1, 0, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 21421>} : (tensor<1x1x4x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<4x1x3x4x!quant.uniform<i4<-7:7>:f32:0, {1.0,1.0,1.0,1.0}>>, tensor<4xi32>) -> tensor<1x1x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/narrow")
  %d = "qi.conv2d"(%c, %g, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 1, 0, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 42841>} : (tensor<1x1x4x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<4x1x3x4x!quant.uniform<i8<-126:126>:f32:0, {1.0,1.0,1.0,1.0}>>, tensor<4xi32>) -> tensor<1x1x4x4x!quant.uniform<u8:f32, 0.5:3>> loc("/grouped")
  %r = "qi.dequantize"(%d) : (tensor<1x1x4x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1x4x4xf32>
  return %r : tensor<1x1x4x4xf32>
}

// -----

// Float islands: four bytes a weight, 16 channels a block; the input's ring is there for them, too. A row of pixels is a unit.
// CHECK-LABEL: func.func @main()
// CHECK:         "qi.launch"() {{.*}}inputs = array<i64: 0, 0>, kernel = "float_conv_{{[0-9a-f]+}}", layer = "/conv", {{.*}}depth = 4 : i64, depthwise = false, family = "float_conv", groups = 1 : i64, {{.*}}tiles = 4 : i64, weights = dense<{{.*}}> : tensor<2304xi8>
// CHECK-NEXT:    "qi.launch"() {{.*}}inputs = array<i64: 1, 0>, kernel = "float_conv_{{[0-9a-f]+}}", layer = "/depthwise", {{.*}}depth = 1 : i64, depthwise = true, {{.*}}groups = 1 : i64, {{.*}}weights = dense<{{.*}}> : tensor<64xi8>
func.func @main(%x: tensor<1x4x4x4xf32>) -> tensor<1x4x4x2xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
  %w = "qi.constant"() {value = dense<1.0> : tensor<2x3x3x4xf32>} : () -> tensor<2x3x3x4xf32>
  %v = "qi.constant"() {value = dense<1.0> : tensor<2x1x1x1xf32>} : () -> tensor<2x1x1x1xf32>
  %b = "qi.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = "qi.float_conv2d"(%q, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x3x3x4xf32>, tensor<2xf32>) -> tensor<1x4x4x2x!quant.uniform<u8:f32, 0.5:3>> loc("/conv")
  %d = "qi.float_conv2d"(%c, %v, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 2 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x4x2x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x4x4x2x!quant.uniform<u8:f32, 0.5:3>> loc("/depthwise")
  %r = "qi.dequantize"(%d) : (tensor<1x4x4x2x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x4x2xf32>
  return %r : tensor<1x4x4x2xf32>
}

// -----

// The table is the kernel's weights. Ids are four bytes each; the runtime takes i32 and refuses what is no row.
// CHECK-LABEL: func.func @main()
// CHECK-SAME:    qi.inputs = [{given = "int64", layout = {buffer = 0 : i64, {{.*}}strides = array<i64: 4, 1>}, name = "ids", rows = 5 : i64, {{.*}}shape = array<i64: 1, 3>
// CHECK:         "qi.launch"() {{.*}}family = "embedding", {{.*}}rows = 3 : i64, {{.*}}weights = dense<1> : tensor<5x2xi8>
func.func @main(%x: tensor<1x3xi32> {qd.dtype = "int64", qd.name = "ids"}) -> tensor<1x3x2xf32> {
  %i = "qi.ids"(%x) : (tensor<1x3xi32>) -> tensor<1x3x4x!quant.uniform<u8:f32, 1.0>>
  %t = "qi.constant"() {value = dense<1> : tensor<5x2xi8>} : () -> tensor<5x2x!quant.uniform<i8<-127:127>:f32:1, {0.5,0.5}>>
  %e = "qi.embedding"(%i, %t) {multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 30, 30>, low = 0 : i64, high = 255 : i64} : (tensor<1x3x4x!quant.uniform<u8:f32, 1.0>>, tensor<5x2x!quant.uniform<i8<-127:127>:f32:1, {0.5,0.5}>>) -> tensor<1x3x2x!quant.uniform<u8:f32, 0.5:3>> loc("/embedding")
  %r = "qi.dequantize"(%e) : (tensor<1x3x2x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x2xf32>
  return %r : tensor<1x3x2xf32>
}
