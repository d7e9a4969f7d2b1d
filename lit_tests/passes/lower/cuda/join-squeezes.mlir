// RUN: dyadic-opt -p join-tables,join-squeezes --split-input-file %s | filecheck %s

// An average of a whole image, two layers of one pixel and a product with that image are two launches: what lies between
// the layers is kept as sums of several blocks.
// CHECK-LABEL: func.func @main
// CHECK:         %[[A:.*]] = "qi.avg_pool"(%{{.*}}) {channels_last
// CHECK-NEXT:    %[[I:.*]] = "qi.conv2d"(%[[A]], {{.*}}qi.joined
// CHECK-NEXT:    %[[J:.*]] = "qi.table"(%[[I]]) {qi.joined, qi.least_bytes = 8 : i64
// CHECK-NEXT:    %[[G:.*]] = "qi.conv2d"(%[[J]], {{.*}}padding = array<i64: 0, 0, 0, 0>, shift
// CHECK-NEXT:    %[[H:.*]] = "qi.table"(%[[G]]) {qi.joined, table
// CHECK-NEXT:    "qi.mul"(%[[H]], %{{.*}}) {{.*}}qi.joined
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>
func.func @main(%f: tensor<1x2x2x2xf32>) -> (tensor<1x2x2x2x!q>, tensor<1x2x2x2x!q>) {
  %x = "qi.quantize"(%f) : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2x!q>
  %y = "qi.requant"(%x) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x2x!q>) -> tensor<1x2x2x2x!q>
  %w = "qi.constant"() {value = dense<[[[[1, 2]]], [[[3, 4]]]]> : tensor<2x1x1x2xi8>} : () -> tensor<2x1x1x2x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %a = "qi.avg_pool"(%x) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, counts = array<i64: 4>, multiplier = array<i32: 1073741824>, shift = array<i32: 32>, low = 0 : i64, high = 255 : i64, count_include_pad = false} : (tensor<1x2x2x2x!q>) -> tensor<1x1x1x2x!q>
  %i = "qi.conv2d"(%a, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x1x2x!q>, tensor<2x1x1x2x!w>, tensor<2xi32>) -> tensor<1x1x1x2x!q>
  %j = "qi.table"(%i) {table = dense<5> : tensor<256xi8>} : (tensor<1x1x1x2x!q>) -> tensor<1x1x1x2x!q>
  %g = "qi.conv2d"(%j, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x1x2x!q>, tensor<2x1x1x2x!w>, tensor<2xi32>) -> tensor<1x1x1x2x!q>
  %h = "qi.table"(%g) {table = dense<6> : tensor<256xi8>} : (tensor<1x1x1x2x!q>) -> tensor<1x1x1x2x!q>
  %o = "qi.mul"(%x, %h) {multiplier = 1073741824 : i64, shift = 37 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x2x!q>, tensor<1x1x1x2x!q>) -> tensor<1x2x2x2x!q>
  return %o, %y : tensor<1x2x2x2x!q>, tensor<1x2x2x2x!q>
}

// -----

// The average is of another image than the product's.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.conv2d"
// CHECK-NOT:     qi.least_bytes
// CHECK:         "qi.mul"
// CHECK-NOT:     qi.joined
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>
func.func @main(%f: tensor<1x2x2x2xf32>) -> (tensor<1x2x2x2x!q>, tensor<1x2x2x2x!q>) {
  %x = "qi.quantize"(%f) : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2x!q>
  %y = "qi.requant"(%x) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x2x!q>) -> tensor<1x2x2x2x!q>
  %w = "qi.constant"() {value = dense<[[[[1, 2]]], [[[3, 4]]]]> : tensor<2x1x1x2xi8>} : () -> tensor<2x1x1x2x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %a = "qi.avg_pool"(%x) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, counts = array<i64: 4>, multiplier = array<i32: 1073741824>, shift = array<i32: 32>, low = 0 : i64, high = 255 : i64, count_include_pad = false} : (tensor<1x2x2x2x!q>) -> tensor<1x1x1x2x!q>
  %i = "qi.conv2d"(%a, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x1x2x!q>, tensor<2x1x1x2x!w>, tensor<2xi32>) -> tensor<1x1x1x2x!q>
  %j = "qi.table"(%i) {table = dense<5> : tensor<256xi8>} : (tensor<1x1x1x2x!q>) -> tensor<1x1x1x2x!q>
  %g = "qi.conv2d"(%j, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x1x2x!q>, tensor<2x1x1x2x!w>, tensor<2xi32>) -> tensor<1x1x1x2x!q>
  %h = "qi.table"(%g) {table = dense<6> : tensor<256xi8>} : (tensor<1x1x1x2x!q>) -> tensor<1x1x1x2x!q>
  %o = "qi.mul"(%y, %h) {multiplier = 1073741824 : i64, shift = 37 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x2x!q>, tensor<1x1x1x2x!q>) -> tensor<1x2x2x2x!q>
  return %o, %y : tensor<1x2x2x2x!q>, tensor<1x2x2x2x!q>
}

// -----

// Something else reads the average.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.conv2d"
// CHECK-NOT:     qi.least_bytes
// CHECK:         "qi.mul"
// CHECK-NOT:     qi.joined
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>
func.func @main(%f: tensor<1x2x2x2xf32>) -> (tensor<1x2x2x2x!q>, tensor<1x1x1x2x!q>) {
  %x = "qi.quantize"(%f) : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2x!q>
  %y = "qi.requant"(%x) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x2x!q>) -> tensor<1x2x2x2x!q>
  %w = "qi.constant"() {value = dense<[[[[1, 2]]], [[[3, 4]]]]> : tensor<2x1x1x2xi8>} : () -> tensor<2x1x1x2x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %a = "qi.avg_pool"(%x) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, counts = array<i64: 4>, multiplier = array<i32: 1073741824>, shift = array<i32: 32>, low = 0 : i64, high = 255 : i64, count_include_pad = false} : (tensor<1x2x2x2x!q>) -> tensor<1x1x1x2x!q>
  %i = "qi.conv2d"(%a, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x1x2x!q>, tensor<2x1x1x2x!w>, tensor<2xi32>) -> tensor<1x1x1x2x!q>
  %j = "qi.table"(%i) {table = dense<5> : tensor<256xi8>} : (tensor<1x1x1x2x!q>) -> tensor<1x1x1x2x!q>
  %g = "qi.conv2d"(%j, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x1x2x!q>, tensor<2x1x1x2x!w>, tensor<2xi32>) -> tensor<1x1x1x2x!q>
  %h = "qi.table"(%g) {table = dense<6> : tensor<256xi8>} : (tensor<1x1x1x2x!q>) -> tensor<1x1x1x2x!q>
  %o = "qi.mul"(%x, %h) {multiplier = 1073741824 : i64, shift = 37 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x2x!q>, tensor<1x1x1x2x!q>) -> tensor<1x2x2x2x!q>
  return %o, %a : tensor<1x2x2x2x!q>, tensor<1x1x1x2x!q>
}

// -----

// A layer reads what is beside its pixel.
// CHECK-LABEL: func.func @main
// CHECK:         "qi.conv2d"
// CHECK-NOT:     qi.least_bytes
// CHECK:         "qi.mul"
// CHECK-NOT:     qi.joined
!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0,1.0}>
func.func @main(%f: tensor<1x2x2x2xf32>) -> (tensor<1x2x2x2x!q>, tensor<1x2x2x2x!q>) {
  %x = "qi.quantize"(%f) : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2x!q>
  %y = "qi.requant"(%x) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x2x!q>) -> tensor<1x2x2x2x!q>
  %w = "qi.constant"() {value = dense<[[[[1, 2]]], [[[3, 4]]]]> : tensor<2x1x1x2xi8>} : () -> tensor<2x1x1x2x!w>
  %b = "qi.constant"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>
  %a = "qi.avg_pool"(%x) {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, counts = array<i64: 4>, multiplier = array<i32: 1073741824>, shift = array<i32: 32>, low = 0 : i64, high = 255 : i64, count_include_pad = false} : (tensor<1x2x2x2x!q>) -> tensor<1x1x1x2x!q>
  %i = "qi.conv2d"(%a, %w, %b) {channels_last, strides = array<i64: 3, 3>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x1x2x!q>, tensor<2x1x1x2x!w>, tensor<2xi32>) -> tensor<1x1x1x2x!q>
  %j = "qi.table"(%i) {table = dense<5> : tensor<256xi8>} : (tensor<1x1x1x2x!q>) -> tensor<1x1x1x2x!q>
  %g = "qi.conv2d"(%j, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824, 1073741824>, shift = array<i32: 40, 40>, low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 1100>} : (tensor<1x1x1x2x!q>, tensor<2x1x1x2x!w>, tensor<2xi32>) -> tensor<1x1x1x2x!q>
  %h = "qi.table"(%g) {table = dense<6> : tensor<256xi8>} : (tensor<1x1x1x2x!q>) -> tensor<1x1x1x2x!q>
  %o = "qi.mul"(%x, %h) {multiplier = 1073741824 : i64, shift = 37 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x2x!q>, tensor<1x1x1x2x!q>) -> tensor<1x2x2x2x!q>
  return %o, %y : tensor<1x2x2x2x!q>, tensor<1x2x2x2x!q>
}
