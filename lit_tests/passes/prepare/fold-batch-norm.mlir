// RUN: dyadic-opt -p fold-batch-norm %s | filecheck %s

// CHECK-LABEL: func.func @after_a_convolution_it_scales_weights_and_bias
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}{{\[\[}}2.000000e+00]], {{\[\[}}4.000000e+00]]], {{\[\[}}[3.000000e+01]], {{\[\[}}4.000000e+01]]]]> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[2.500000e+00, 2.000000e+01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x2x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @after_a_convolution_it_scales_weights_and_bias(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %w = "qd.constant"() {value = dense<[[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]]]> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.constant"() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[0.5, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.scale_shift"(%0, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// bias 1 + 1*0.5 + 2*1 = 3.5 and 2 + 3*0.5 + 4*1 = 7.5
// CHECK-LABEL: func.func @before_a_convolution_it_scales_by_input_channel
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}{{\[\[}}2.000000e+00]], {{\[\[}}2.000000e+01]]], {{\[\[}}[6.000000e+00]], {{\[\[}}4.000000e+01]]]]> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[3.500000e+00, 7.500000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x2x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @before_a_convolution_it_scales_by_input_channel(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %w = "qd.constant"() {value = dense<[[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]]]> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.constant"() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[0.5, 1.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @before_a_depthwise_convolution_each_group_has_its_channel
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}{{\[\[}}2.000000e+00]]], {{\[\[}}[3.000000e+01]]]]> : tensor<2x1x1x1xf32>} : () -> tensor<2x1x1x1xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[5.000000e-01, 3.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 2 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x2x3x3xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @before_a_depthwise_convolution_each_group_has_its_channel(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %w = "qd.constant"() {value = dense<[[[[1.0]]], [[[3.0]]]]> : tensor<2x1x1x1xf32>} : () -> tensor<2x1x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.constant"() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[0.5, 1.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 2 : i64} : (tensor<1x2x3x3xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @padding_would_notice_a_shift_before_it
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<2x2x3x3xf32>} : () -> tensor<2x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.constant"() {value = dense<[2.000000e+00, 1.000000e+01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.constant"() {value = dense<[5.000000e-01, 1.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.scale_shift"(%arg0, %[[C]], %[[D]]) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.conv2d"(%[[E]], %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x2x3x3xf32>, tensor<2x2x3x3xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[F]] : tensor<1x2x3x3xf32>
func.func @padding_would_notice_a_shift_before_it(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x3x3xf32>} : () -> tensor<2x2x3x3xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.constant"() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[0.5, 1.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2x2x3x3xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @padding_does_not_notice_a_scale_before_it
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}{{\[\[}}1.000000e+00, 1.000000e+00, 1.000000e+00], [1.000000e+00, 1.000000e+00, 1.000000e+00], [1.000000e+00, 1.000000e+00, 1.000000e+00]], {{\[\[}}5.000000e+00, 5.000000e+00, 5.000000e+00], [5.000000e+00, 5.000000e+00, 5.000000e+00], [5.000000e+00, 5.000000e+00, 5.000000e+00]]], {{\[\[}}[1.000000e+00, 1.000000e+00, 1.000000e+00], [1.000000e+00, 1.000000e+00, 1.000000e+00], [1.000000e+00, 1.000000e+00, 1.000000e+00]], {{\[\[}}5.000000e+00, 5.000000e+00, 5.000000e+00], [5.000000e+00, 5.000000e+00, 5.000000e+00], [5.000000e+00, 5.000000e+00, 5.000000e+00]]]]> : tensor<2x2x3x3xf32>} : () -> tensor<2x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x2x3x3xf32>, tensor<2x2x3x3xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @padding_does_not_notice_a_scale_before_it(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x3x3xf32>} : () -> tensor<2x2x3x3xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.constant"() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.scale_shift"(%x, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2x2x3x3xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @beside_a_linear_it_folds_on_both_sides
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}2.000000e+00, 2.000000e+01], [1.200000e+01, 8.000000e+01], [3.000000e+01, 1.800000e+02]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[2.000000e+00, 7.000000e+00, 1.600000e+01]> : tensor<3xf32>} : () -> tensor<3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.linear"(%arg0, %[[A]], %[[B]]) : (tensor<1x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x3xf32>
func.func @beside_a_linear_it_folds_on_both_sides(%x: tensor<1x2xf32>) -> tensor<1x3xf32> {
  %w = "qd.constant"() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %s = "qd.constant"() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[1.0, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %s2 = "qd.constant"() {value = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %h2 = "qd.constant"() {value = dense<1.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %0 = "qd.scale_shift"(%x, %s, %h) {axis = 1 : i64} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %1 = "qd.linear"(%0, %w, %b) : (tensor<1x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  %2 = "qd.scale_shift"(%1, %s2, %h2) {axis = 1 : i64} : (tensor<1x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  return %2 : tensor<1x3xf32>
}

// CHECK-LABEL: func.func @a_result_that_others_read_stays
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.constant"() {value = dense<[2.000000e+00, 1.000000e+01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x2x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.scale_shift"(%[[E]], %[[C]], %[[D]]) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[E]], %[[F]] : tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>
func.func @a_result_that_others_read_stays(%x: tensor<1x2x3x3xf32>) -> (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.constant"() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.scale_shift"(%0, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %0, %1 : tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @behind_a_norm
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {value = dense<[2.000000e+00, 6.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[3.000000e+00, 9.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[N:.+]] = "qd.layer_norm"(%arg0, %[[W]], %[[B]]) {epsilon = 1.250000e-01 : f64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[N]] : tensor<1x3x2xf32>
func.func @behind_a_norm(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %w = "qd.constant"() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.constant"() {value = dense<[2.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[1.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.layer_norm"(%x, %w, %w) {epsilon = 0.125 : f64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.scale_shift"(%0, %s, %h) {axis = 2 : i64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  return %1 : tensor<1x3x2xf32>
}

// what a batch norm knows of its result is known of the layer's,
// CHECK-LABEL: func.func @statistics_go_with_it
// CHECK:         %[[C:.+]] = "qd.conv2d"({{.+}} qd.statistics = array<f64: 5.000000e-01, -1.000000e+00, 2.000000e+00, 3.000000e+00>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @statistics_go_with_it(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %w = "qd.constant"() {value = dense<1.0> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.constant"() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[0.5, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.scale_shift"(%0, %s, %h) {axis = 1 : i64, qd.statistics = array<f64: 0.5, -1.0, 2.0, 3.0>} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}

// a scale behind it scales what is known: means 2 * 0.5 + 1 and 10 * -1, deviations 2 * 2 and 10 * 3
// CHECK-LABEL: func.func @statistics_are_scaled_with_their_layer
// CHECK:         qd.statistics = array<f64: 2.000000e+00, -1.000000e+01, 4.000000e+00, 3.000000e+01>
// CHECK-NEXT:    return
func.func @statistics_are_scaled_with_their_layer(%x: tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %w = "qd.constant"() {value = dense<1.0> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.constant"() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %h = "qd.constant"() {value = dense<[1.0, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, qd.statistics = array<f64: 0.5, -1.0, 2.0, 3.0>} : (tensor<1x2x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  %1 = "qd.scale_shift"(%0, %s, %h) {axis = 1 : i64} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %1 : tensor<1x2x3x3xf32>
}
