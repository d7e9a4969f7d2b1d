// RUN: dyadic-opt -p fold-pads %s | filecheck %s

// CHECK-LABEL: func.func @zeros_around_a_convolution_are_its_padding
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<1x1x3x3xf32>} : () -> tensor<1x1x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<1xf32>} : () -> tensor<1xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 2, 2, 2>, strides = array<i64: 1, 1>} : (tensor<1x1x4x4xf32>, tensor<1x1x3x3xf32>, tensor<1xf32>) -> tensor<1x1x5x6xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x1x5x6xf32>
func.func @zeros_around_a_convolution_are_its_padding(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x5x6xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<1x1x3x3xf32>} : () -> tensor<1x1x3x3xf32>
  %b = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.pad"(%x) {low = array<i64: 0, 0, 0, 1>, high = array<i64: 0, 0, 1, 1>, value = 0.0 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x5x6xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x1x5x6xf32>, tensor<1x1x3x3xf32>, tensor<1xf32>) -> tensor<1x1x5x6xf32>
  return %1 : tensor<1x1x5x6xf32>
}

// CHECK-LABEL: func.func @other_numbers_around_a_convolution_stay
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<1x1x3x3xf32>} : () -> tensor<1x1x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<1xf32>} : () -> tensor<1xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.pad"(%arg0) {high = array<i64: 0, 0, 1, 1>, low = array<i64: 0, 0, 1, 1>, value = 1.000000e+00 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x6x6xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.conv2d"(%[[C]], %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x1x6x6xf32>, tensor<1x1x3x3xf32>, tensor<1xf32>) -> tensor<1x1x4x4xf32>
// CHECK-NEXT:    return %[[D]] : tensor<1x1x4x4xf32>
func.func @other_numbers_around_a_convolution_stay(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<1x1x3x3xf32>} : () -> tensor<1x1x3x3xf32>
  %b = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.pad"(%x) {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, value = 1.0 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x6x6xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x1x6x6xf32>, tensor<1x1x3x3xf32>, tensor<1xf32>) -> tensor<1x1x4x4xf32>
  return %1 : tensor<1x1x4x4xf32>
}

// CHECK-LABEL: func.func @a_crop_stays
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<1x1x3x3xf32>} : () -> tensor<1x1x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<1xf32>} : () -> tensor<1xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.pad"(%arg0) {high = array<i64: 0, 0, 0, 0>, low = array<i64: 0, 0, -1, 0>, value = 0.000000e+00 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x3x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.conv2d"(%[[C]], %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x1x3x4xf32>, tensor<1x1x3x3xf32>, tensor<1xf32>) -> tensor<1x1x1x2xf32>
// CHECK-NEXT:    return %[[D]] : tensor<1x1x1x2xf32>
func.func @a_crop_stays(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x1x2xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<1x1x3x3xf32>} : () -> tensor<1x1x3x3xf32>
  %b = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.pad"(%x) {low = array<i64: 0, 0, -1, 0>, high = array<i64: 0, 0, 0, 0>, value = 0.0 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x3x4xf32>
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x1x3x4xf32>, tensor<1x1x3x3xf32>, tensor<1xf32>) -> tensor<1x1x1x2xf32>
  return %1 : tensor<1x1x1x2xf32>
}

// CHECK-LABEL: func.func @zeros_around_an_average_count
// CHECK-NEXT:    %[[A:.+]] = "qd.avg_pool"(%arg0) {count_include_pad = true, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x1x4x4xf32>
func.func @zeros_around_an_average_count(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  %0 = "qd.pad"(%x) {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, value = 0.0 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x6x6xf32>
  %1 = "qd.avg_pool"(%0) {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, count_include_pad = false} : (tensor<1x1x6x6xf32>) -> tensor<1x1x4x4xf32>
  return %1 : tensor<1x1x4x4xf32>
}

// CHECK-LABEL: func.func @zeros_that_count_do_not_mix_with_padding_that_does_not
// CHECK-NEXT:    %[[A:.+]] = "qd.pad"(%arg0) {high = array<i64: 0, 0, 1, 1>, low = array<i64: 0, 0, 1, 1>, value = 0.000000e+00 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x6x6xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.avg_pool"(%[[A]]) {count_include_pad = false, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x1x6x6xf32>) -> tensor<1x1x6x6xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x1x6x6xf32>
func.func @zeros_that_count_do_not_mix_with_padding_that_does_not(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x6x6xf32> {
  %0 = "qd.pad"(%x) {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, value = 0.0 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x6x6xf32>
  %1 = "qd.avg_pool"(%0) {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, count_include_pad = false} : (tensor<1x1x6x6xf32>) -> tensor<1x1x6x6xf32>
  return %1 : tensor<1x1x6x6xf32>
}

// CHECK-LABEL: func.func @the_lowest_number_around_a_maximum_is_padding
// CHECK-NEXT:    %[[A:.+]] = "qd.max_pool"(%arg0) {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 1, 1>, strides = array<i64: 2, 2>} : (tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x1x2x2xf32>
func.func @the_lowest_number_around_a_maximum_is_padding(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32> {
  %0 = "qd.pad"(%x) {low = array<i64: 0, 0, 0, 0>, high = array<i64: 0, 0, 1, 1>, value = 0xFF800000 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x5x5xf32>
  %1 = "qd.max_pool"(%0) {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x1x5x5xf32>) -> tensor<1x1x2x2xf32>
  return %1 : tensor<1x1x2x2xf32>
}

// CHECK-LABEL: func.func @zeros_around_a_maximum_stay
// CHECK-NEXT:    %[[A:.+]] = "qd.pad"(%arg0) {high = array<i64: 0, 0, 1, 1>, low = array<i64: 0, 0, 0, 0>, value = 0.000000e+00 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x5x5xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.max_pool"(%[[A]]) {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x1x5x5xf32>) -> tensor<1x1x2x2xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x1x2x2xf32>
func.func @zeros_around_a_maximum_stay(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32> {
  %0 = "qd.pad"(%x) {low = array<i64: 0, 0, 0, 0>, high = array<i64: 0, 0, 1, 1>, value = 0.0 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x5x5xf32>
  %1 = "qd.max_pool"(%0) {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x1x5x5xf32>) -> tensor<1x1x2x2xf32>
  return %1 : tensor<1x1x2x2xf32>
}

// CHECK-LABEL: func.func @two_pads_with_the_same_number_are_one
// CHECK-NEXT:    %[[A:.+]] = "qd.pad"(%arg0) {high = array<i64: 0, 0, 1, 1>, low = array<i64: 0, 0, 1, 1>, value = 2.000000e+00 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x6x6xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x1x6x6xf32>
func.func @two_pads_with_the_same_number_are_one(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x6x6xf32> {
  %0 = "qd.pad"(%x) {low = array<i64: 0, 0, 1, 0>, high = array<i64: 0, 0, 0, 1>, value = 2.0 : f32} : (tensor<1x1x4x4xf32>) -> tensor<1x1x5x5xf32>
  %1 = "qd.pad"(%0) {low = array<i64: 0, 0, 0, 1>, high = array<i64: 0, 0, 1, 0>, value = 2.0 : f32} : (tensor<1x1x5x5xf32>) -> tensor<1x1x6x6xf32>
  return %1 : tensor<1x1x6x6xf32>
}
