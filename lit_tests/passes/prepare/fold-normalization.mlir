// RUN: dyadic-opt -p fold-normalization %s | filecheck %s

// The last weights are (1*-51 + 3*255)/255 and (4*-51 - 1*255)/255: where a pixel is padded, there is no shift.
// CHECK-LABEL: func.func @padding_meets_a_channel_that_is_in_real_pixels_alone
// CHECK-NEXT:    %[[T:.+]] = "qd.constant"() {value = dense<2.550000e+02> : tensor<1x1x3x4xf32>}
// CHECK-NEXT:    %[[P:.+]] = "qd.concat"(%arg0, %[[T]]) {axis = 1 : i64, qd.given = array<f64: 1.000000e+00, 0.000000e+00, 8.000000e+00>, qd.pixels = 1 : i64}
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {value = dense<{{\[\[}}{{\[\[}}5.000000e-01, 2.000000e+00]], {{\[\[}}6.000000e+00, -2.000000e+00]], {{\[\[}}2.800000e+00, -1.800000e+00]]]]> : tensor<1x3x1x2xf32>}
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<7.000000e+00> : tensor<1xf32>}
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%[[P]], %[[W]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 1, 0, 0>, strides = array<i64: 1, 1>}
// CHECK-NEXT:    return %[[C]] : tensor<1x1x3x4xf32>
func.func @padding_meets_a_channel_that_is_in_real_pixels_alone(%p: tensor<1x2x3x4xf32> {qd.name = "x", qd.dtype = "uint8", qd.given = array<f64: 1.0, 0.0, 8.0>, qd.pixels = 1 : i64}) -> tensor<1x1x3x4xf32> {
  %s = "qd.constant"() {value = dense<[0.5, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[-51.0, 255.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = "qd.constant"() {value = dense<[[[[1.0, 4.0]], [[3.0, -1.0]]]]> : tensor<1x2x1x2xf32>} : () -> tensor<1x2x1x2xf32>
  %b = "qd.constant"() {value = dense<[7.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.scale_shift"(%p, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 1, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<1x2x1x2xf32>, tensor<1xf32>) -> tensor<1x1x3x4xf32>
  return %1 : tensor<1x1x3x4xf32>
}

// 10 * (2 * second + 3) + 100 * (0.5 * first - 1) + 7
// CHECK-LABEL: func.func @without_padding_the_bias_takes_the_shift_and_colours_turn_in_the_weights
// CHECK-NEXT:    %[[P:.+]] = "qd.transpose"(%arg0) {permutation = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {value = dense<{{\[\[}}{{\[\[}}5.000000e+01]], {{\[\[}}2.000000e+01]]]]> : tensor<1x2x1x1xf32>}
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<-6.300000e+01> : tensor<1xf32>}
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%[[P]], %[[W]], %[[B]])
// CHECK-NEXT:    return %[[C]] : tensor<1x1x3x4xf32>
func.func @without_padding_the_bias_takes_the_shift_and_colours_turn_in_the_weights(%p: tensor<1x3x4x2xf32> {qd.name = "x", qd.dtype = "uint8", qd.given = array<f64: 1.0, 0.0, 8.0>, qd.pixels = 1 : i64}) -> tensor<1x1x3x4xf32> {
  %s = "qd.constant"() {value = dense<[0.5, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[-1.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = "qd.constant"() {value = dense<[[[[10.0]], [[100.0]]]]> : tensor<1x2x1x1xf32>} : () -> tensor<1x2x1x1xf32>
  %b = "qd.constant"() {value = dense<[7.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.scale_shift"(%p, %s, %h) {axis = 3 : i64} : (tensor<1x3x4x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x4x2xf32>
  %1 = "qd.transpose"(%0) {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x3x4x2xf32>) -> tensor<1x2x3x4xf32>
  %2 = "qd.take"(%1) {axis = 1 : i64, places = array<i64: 1, 0>} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  %3 = "qd.conv2d"(%2, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<1x2x1x1xf32>, tensor<1xf32>) -> tensor<1x1x3x4xf32>
  return %3 : tensor<1x1x3x4xf32>
}

// CHECK-LABEL: func.func @each_number_of_a_row_has_its_channels
// CHECK-NEXT:    %[[P:.+]] = "qd.reshape"(%arg0)
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {value = dense<{{\[\[}}5.000000e-01, 5.000000e+00, 2.000000e+02, 2.000000e+03]]> : tensor<1x4xf32>}
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<3.296000e+03> : tensor<1xf32>}
// CHECK-NEXT:    %[[C:.+]] = "qd.linear"(%[[P]], %[[W]], %[[B]])
// CHECK-NEXT:    return %[[C]] : tensor<1x1xf32>
func.func @each_number_of_a_row_has_its_channels(%p: tensor<1x2x1x2xf32> {qd.name = "x", qd.dtype = "uint8", qd.given = array<f64: 1.0, 0.0, 8.0>, qd.pixels = 1 : i64}) -> tensor<1x1xf32> {
  %s = "qd.constant"() {value = dense<[0.5, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[-1.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = "qd.constant"() {value = dense<[[1.0, 10.0, 100.0, 1000.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %b = "qd.constant"() {value = dense<[7.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.scale_shift"(%p, %s, %h) {axis = 1 : i64} : (tensor<1x2x1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x1x2xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x2x1x2xf32>) -> tensor<1x4xf32>
  %2 = "qd.linear"(%1, %w, %b) : (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// 10 * (0.5 * second - 1) + 100 * first + 7
// CHECK-LABEL: func.func @colours_that_are_taken_apart_and_joined_turn_in_the_weights
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {value = dense<{{\[\[}}{{\[\[}}1.000000e+02]], {{\[\[}}5.000000e+00]]]]> : tensor<1x2x1x1xf32>}
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<-3.000000e+00> : tensor<1xf32>}
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[W]], %[[B]])
// CHECK-NEXT:    return %[[C]] : tensor<1x1x3x4xf32>
func.func @colours_that_are_taken_apart_and_joined_turn_in_the_weights(%p: tensor<1x2x3x4xf32> {qd.name = "x", qd.dtype = "uint8", qd.given = array<f64: 1.0, 0.0, 8.0>}) -> tensor<1x1x3x4xf32> {
  %s = "qd.constant"() {value = dense<0.5> : tensor<1xf32>} : () -> tensor<1xf32>
  %h = "qd.constant"() {value = dense<-1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %w = "qd.constant"() {value = dense<[[[[10.0]], [[100.0]]]]> : tensor<1x2x1x1xf32>} : () -> tensor<1x2x1x1xf32>
  %b = "qd.constant"() {value = dense<[7.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.slice"(%p) {starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x2x3x4xf32>) -> tensor<1x1x3x4xf32>
  %1 = "qd.scale_shift"(%0, %s, %h) {axis = 1 : i64} : (tensor<1x1x3x4xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1x3x4xf32>
  %2 = "qd.slice"(%p) {starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x2x3x4xf32>) -> tensor<1x1x3x4xf32>
  %3 = "qd.concat"(%1, %2) {axis = 1 : i64} : (tensor<1x1x3x4xf32>, tensor<1x1x3x4xf32>) -> tensor<1x2x3x4xf32>
  %4 = "qd.conv2d"(%3, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<1x2x1x1xf32>, tensor<1xf32>) -> tensor<1x1x3x4xf32>
  return %4 : tensor<1x1x3x4xf32>
}

// CHECK-LABEL: func.func @a_channel_that_would_make_weights_coarser_is_not_added
// CHECK:         %[[X:.+]] = "qd.scale_shift"(%arg0,
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%[[X]],
// CHECK-NEXT:    return %[[C]] : tensor<1x1x3x4xf32>
func.func @a_channel_that_would_make_weights_coarser_is_not_added(%p: tensor<1x1x3x4xf32> {qd.name = "x", qd.dtype = "uint8", qd.given = array<f64: 1.0, 0.0, 8.0>, qd.pixels = 1 : i64}) -> tensor<1x1x3x4xf32> {
  %s = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %h = "qd.constant"() {value = dense<-511.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %w = "qd.constant"() {value = dense<1.0> : tensor<1x1x1x2xf32>} : () -> tensor<1x1x1x2xf32>
  %b = "qd.constant"() {value = dense<[7.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.scale_shift"(%p, %s, %h) {axis = 1 : i64} : (tensor<1x1x3x4xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1x3x4xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 1, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x1x3x4xf32>, tensor<1x1x1x2xf32>, tensor<1xf32>) -> tensor<1x1x3x4xf32>
  return %1 : tensor<1x1x3x4xf32>
}

// CHECK-LABEL: func.func @what_is_no_pixel_stays
// CHECK:         %[[X:.+]] = "qd.scale_shift"(%arg0,
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%[[X]],
// CHECK-NEXT:    return %[[C]] : tensor<1x1x3x4xf32>
func.func @what_is_no_pixel_stays(%x: tensor<1x2x3x4xf32> {qd.name = "x"}) -> tensor<1x1x3x4xf32> {
  %s = "qd.constant"() {value = dense<[0.5, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[-1.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = "qd.constant"() {value = dense<[[[[10.0]], [[100.0]]]]> : tensor<1x2x1x1xf32>} : () -> tensor<1x2x1x1xf32>
  %b = "qd.constant"() {value = dense<[7.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.scale_shift"(%x, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<1x2x1x1xf32>, tensor<1xf32>) -> tensor<1x1x3x4xf32>
  return %1 : tensor<1x1x3x4xf32>
}
