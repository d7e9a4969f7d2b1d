// RUN: dyadic-opt -p choose-dim-order --split-input-file %s | filecheck %s

// CHECK-LABEL: func.func @channels_are_last_between_the_boundaries
// CHECK-NEXT:    %[[Q:.+]] = "qi.quantize"(%arg0) : (tensor<1x2x4x5xf32>) -> tensor<1x2x4x5x
// CHECK-NEXT:    %[[T:.+]] = "qi.transpose"(%[[Q]]) {permutation = array<i64: 0, 2, 3, 1>}
// CHECK-NEXT:    %[[P:.+]] = "qi.max_pool"(%[[T]]) {channels_last, {{.*}} -> tensor<1x2x2x2x
// CHECK-NEXT:    %[[R:.+]] = "qi.requant"(%[[P]]) {{.*}} -> tensor<1x2x2x2x
// CHECK-NEXT:    %[[C:.+]] = "qi.concat"(%[[R]], %[[P]]) {axis = 3 : i64} : {{.*}} -> tensor<1x2x2x4x
// CHECK-NEXT:    %[[B:.+]] = "qi.transpose"(%[[C]]) {permutation = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT:    %[[F:.+]] = "qi.dequantize"(%[[B]])
// CHECK-NEXT:    return %[[F]]
!q = !quant.uniform<u8:f32, 0.5:3>
func.func @channels_are_last_between_the_boundaries(%x: tensor<1x2x4x5xf32>) -> tensor<1x4x2x2xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x2x4x5xf32>) -> tensor<1x2x4x5x!q>
  %p = "qi.max_pool"(%q) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x2x4x5x!q>) -> tensor<1x2x2x2x!q>
  %r = "qi.requant"(%p) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x2x2x!q>) -> tensor<1x2x2x2x!q>
  %c = "qi.concat"(%r, %p) {axis = 1 : i64} : (tensor<1x2x2x2x!q>, tensor<1x2x2x2x!q>) -> tensor<1x4x2x2x!q>
  %f = "qi.dequantize"(%c) : (tensor<1x4x2x2x!q>) -> tensor<1x4x2x2xf32>
  return %f : tensor<1x4x2x2xf32>
}

// -----

// CHECK-LABEL: func.func @what_no_window_reaches_keeps_the_order_of_the_model
// CHECK-NEXT:    %[[Q:.+]] = "qi.quantize"(%arg0)
// CHECK-NEXT:    %[[R:.+]] = "qi.requant"(%[[Q]]) {{.*}} -> tensor<1x2x4x5x
// CHECK-NEXT:    "qi.slice"(%[[R]]) {starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 2, 1>}
// CHECK-NEXT:    "qi.dequantize"
!q = !quant.uniform<u8:f32, 0.5:3>
func.func @what_no_window_reaches_keeps_the_order_of_the_model(%x: tensor<1x2x4x5xf32>) -> tensor<1x1x2x5xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x2x4x5xf32>) -> tensor<1x2x4x5x!q>
  %r = "qi.requant"(%q) {multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x2x4x5x!q>) -> tensor<1x2x4x5x!q>
  %s = "qi.slice"(%r) {starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 2, 1>} : (tensor<1x2x4x5x!q>) -> tensor<1x1x2x5x!q>
  %f = "qi.dequantize"(%s) : (tensor<1x1x2x5x!q>) -> tensor<1x1x2x5xf32>
  return %f : tensor<1x1x2x5xf32>
}

// -----

// CHECK-LABEL: func.func @tokens_of_an_image_are_its_pixels
// CHECK:         %[[P:.+]] = "qi.max_pool"({{.*}}) {channels_last, {{.*}} -> tensor<1x2x3x2x
// CHECK-NEXT:    %[[R:.+]] = "qi.reshape"(%[[P]]) : {{.*}} -> tensor<1x6x2x
// CHECK-NEXT:    "qi.dequantize"(%[[R]])
!q = !quant.uniform<u8:f32, 0.5:3>
func.func @tokens_of_an_image_are_its_pixels(%x: tensor<1x2x4x6xf32>) -> tensor<1x6x2xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x2x4x6xf32>) -> tensor<1x2x4x6x!q>
  %p = "qi.max_pool"(%q) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x2x4x6x!q>) -> tensor<1x2x2x3x!q>
  %r = "qi.reshape"(%p) : (tensor<1x2x2x3x!q>) -> tensor<1x2x6x!q>
  %t = "qi.transpose"(%r) {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x6x!q>) -> tensor<1x6x2x!q>
  %f = "qi.dequantize"(%t) : (tensor<1x6x2x!q>) -> tensor<1x6x2xf32>
  return %f : tensor<1x6x2xf32>
}

// -----

// CHECK-LABEL: func.func @a_channel_shuffle_between_windows_moves_once
// CHECK:         %[[P:.+]] = "qi.max_pool"({{.*}}) {channels_last, {{.*}} -> tensor<1x2x3x4x
// CHECK-NEXT:    %[[A:.+]] = "qi.reshape"(%[[P]]) : {{.*}} -> tensor<1x2x3x2x2x
// CHECK-NEXT:    %[[T:.+]] = "qi.transpose"(%[[A]]) {permutation = array<i64: 0, 1, 2, 4, 3>}
// CHECK-NEXT:    %[[B:.+]] = "qi.reshape"(%[[T]]) : {{.*}} -> tensor<1x2x3x4x
// CHECK-NEXT:    "qi.max_pool"(%[[B]]) {channels_last
!q = !quant.uniform<u8:f32, 0.5:3>
func.func @a_channel_shuffle_between_windows_moves_once(%x: tensor<1x4x4x6xf32>) -> tensor<1x4x1x1xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x4x4x6xf32>) -> tensor<1x4x4x6x!q>
  %p = "qi.max_pool"(%q) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x4x4x6x!q>) -> tensor<1x4x2x3x!q>
  %a = "qi.reshape"(%p) : (tensor<1x4x2x3x!q>) -> tensor<1x2x2x2x3x!q>
  %t = "qi.transpose"(%a) {permutation = array<i64: 0, 2, 1, 3, 4>} : (tensor<1x2x2x2x3x!q>) -> tensor<1x2x2x2x3x!q>
  %b = "qi.reshape"(%t) : (tensor<1x2x2x2x3x!q>) -> tensor<1x4x2x3x!q>
  %o = "qi.max_pool"(%b) {kernel = array<i64: 2, 3>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x4x2x3x!q>) -> tensor<1x4x1x1x!q>
  %f = "qi.dequantize"(%o) : (tensor<1x4x1x1x!q>) -> tensor<1x4x1x1xf32>
  return %f : tensor<1x4x1x1xf32>
}
