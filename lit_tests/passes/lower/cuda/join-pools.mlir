// RUN: dyadic-opt -p join-tables,join-pools --split-input-file %s | filecheck %s

// Windows that touch are made by the layer, whatever else reads its result, and by one that looks it up.
// CHECK-LABEL: func.func @main
// CHECK:         %[[A:.*]] = "qi.conv2d"(%arg0
// CHECK-NEXT:    %[[B:.*]] = "qi.max_pool"(%[[A]]) {{{.*}}qi.joined
// CHECK-NEXT:    %[[C:.*]] = "qi.conv2d"(%[[A]]
// CHECK-NEXT:    %[[D:.*]] = "qi.table"(%[[C]]) {qi.joined
// CHECK-NEXT:    "qi.max_pool"(%[[D]]) {{{.*}}qi.joined
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>
func.func @main(%x: tensor<1x4x4x4x!q>) -> (tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>) {
  %w = "qi.constant"() {value = dense<1> : tensor<4x1x1x4xi8>} : () -> tensor<4x1x1x4x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %1 = "qi.conv2d"(%x, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x4x4x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x4x4x4x!q>
  %2 = "qi.max_pool"(%1) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x4x4x4x!q>) -> tensor<1x2x2x4x!q>
  %3 = "qi.conv2d"(%1, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x4x4x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x4x4x4x!q>
  %4 = "qi.table"(%3) {table = dense<5> : tensor<256xi8>} : (tensor<1x4x4x4x!q>) -> tensor<1x4x4x4x!q>
  %5 = "qi.max_pool"(%4) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x4x4x4x!q>) -> tensor<1x2x2x4x!q>
  return %2, %5 : tensor<1x2x2x4x!q>, tensor<1x2x2x4x!q>
}

// -----

// Pixels in no window are not computed where the pool alone would read them.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.conv2d"
// CHECK-NEXT:    "qi.max_pool"{{.*}}qi.joined
// CHECK-NEXT:    "qi.conv2d"
// CHECK-NEXT:    "qi.max_pool"(%{{.*}}) {channels_last, dilation
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>
func.func @main(%x: tensor<1x5x4x4x!q>) -> (tensor<1x2x2x4x!q>, tensor<1x5x4x4x!q>, tensor<1x2x2x4x!q>) {
  %w = "qi.constant"() {value = dense<1> : tensor<4x1x1x4xi8>} : () -> tensor<4x1x1x4x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %1 = "qi.conv2d"(%x, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x5x4x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x5x4x4x!q>
  %2 = "qi.max_pool"(%1) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x5x4x4x!q>) -> tensor<1x2x2x4x!q>
  %3 = "qi.conv2d"(%x, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x5x4x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x5x4x4x!q>
  %4 = "qi.max_pool"(%3) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x5x4x4x!q>) -> tensor<1x2x2x4x!q>
  return %2, %3, %4 : tensor<1x2x2x4x!q>, tensor<1x5x4x4x!q>, tensor<1x2x2x4x!q>
}

// -----

// Windows that overlap, that have a border, or of three times three pixels, and those of what is no product's, are
// pools of their own.
// CHECK-LABEL: func.func @main
// CHECK-NOT:     qi.joined
// CHECK:         return
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0,1.0,1.0}>
func.func @main(%x: tensor<1x6x6x4x!q>) -> (tensor<1x5x5x4x!q>, tensor<1x3x3x4x!q>, tensor<1x2x2x4x!q>, tensor<1x3x3x4x!q>) {
  %w = "qi.constant"() {value = dense<1> : tensor<4x1x1x4xi8>} : () -> tensor<4x1x1x4x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<4xi32>} : () -> tensor<4xi32>
  %d = "qi.constant"() {value = dense<1> : tensor<4x1x1x1xi8>} : () -> tensor<4x1x1x1x!w>
  %1 = "qi.conv2d"(%x, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x6x6x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x6x6x4x!q>
  %2 = "qi.max_pool"(%1) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x6x6x4x!q>) -> tensor<1x5x5x4x!q>
  %3 = "qi.conv2d"(%x, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x6x6x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x6x6x4x!q>
  %4 = "qi.max_pool"(%3) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 1, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x6x6x4x!q>) -> tensor<1x3x3x4x!q>
  %5 = "qi.conv2d"(%x, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x6x6x4x!q>, tensor<4x1x1x4x!w>, tensor<4xi32>) -> tensor<1x6x6x4x!q>
  %6 = "qi.max_pool"(%5) {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x6x6x4x!q>) -> tensor<1x2x2x4x!q>
  %7 = "qi.conv2d"(%x, %d, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 4 : i64, multiplier = array<i32: 1073741824, 1073741824, 1073741824, 1073741824>, shift = array<i32: 40, 40, 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x6x6x4x!q>, tensor<4x1x1x1x!w>, tensor<4xi32>) -> tensor<1x6x6x4x!q>
  %8 = "qi.max_pool"(%7) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x6x6x4x!q>) -> tensor<1x3x3x4x!q>
  return %2, %4, %6, %8 : tensor<1x5x5x4x!q>, tensor<1x3x3x4x!q>, tensor<1x2x2x4x!q>, tensor<1x3x3x4x!q>
}
