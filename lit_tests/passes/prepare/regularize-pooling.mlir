// RUN: dyadic-opt -p regularize-pooling %s | filecheck %s

// CHECK-LABEL: func.func @a_window_as_large_as_the_image_is_its_mean
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x1x1xf32>
func.func @a_window_as_large_as_the_image_is_its_mean(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32> {
  %0 = "qd.avg_pool"(%x) {kernel = array<i64: 4, 4>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, count_include_pad = false} : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
  return %0 : tensor<1x2x1x1xf32>
}

// CHECK-LABEL: func.func @a_window_with_padding_is_not
// CHECK-NEXT:    %[[A:.+]] = "qd.avg_pool"(%arg0) {count_include_pad = true, kernel = array<i64: 4, 4>, padding = array<i64: 1, 1, 0, 0>, strides = array<i64: 4, 4>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x1x1xf32>
func.func @a_window_with_padding_is_not(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32> {
  %0 = "qd.avg_pool"(%x) {kernel = array<i64: 4, 4>, strides = array<i64: 4, 4>, padding = array<i64: 1, 1, 0, 0>, count_include_pad = true} : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
  return %0 : tensor<1x2x1x1xf32>
}

// CHECK-LABEL: func.func @a_reshape_drops_the_dimensions_of_a_mean
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = false} : (tensor<1x2x4x4xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2xf32>
func.func @a_reshape_drops_the_dimensions_of_a_mean(%x: tensor<1x2x4x4xf32>) -> tensor<1x2xf32> {
  %0 = "qd.reduce_mean"(%x) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x2x1x1xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_reshape_restores_the_dimensions_of_a_mean
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x1x1xf32>
func.func @a_reshape_restores_the_dimensions_of_a_mean(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32> {
  %0 = "qd.reduce_mean"(%x) {axes = array<i64: 2, 3>, keep = false} : (tensor<1x2x4x4xf32>) -> tensor<1x2xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x2xf32>) -> tensor<1x2x1x1xf32>
  return %1 : tensor<1x2x1x1xf32>
}

// CHECK-LABEL: func.func @a_mean_that_others_read_keeps_its_shape
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.reshape"(%[[A]]) : (tensor<1x2x1x1xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[B]], %[[A]] : tensor<1x2xf32>, tensor<1x2x1x1xf32>
func.func @a_mean_that_others_read_keeps_its_shape(%x: tensor<1x2x4x4xf32>) -> (tensor<1x2xf32>, tensor<1x2x1x1xf32>) {
  %0 = "qd.reduce_mean"(%x) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x2x1x1xf32>) -> tensor<1x2xf32>
  return %1, %0 : tensor<1x2xf32>, tensor<1x2x1x1xf32>
}

// CHECK-LABEL: func.func @a_mean_of_a_mean_is_one
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = false} : (tensor<1x2x4x4xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2xf32>
func.func @a_mean_of_a_mean_is_one(%x: tensor<1x2x4x4xf32>) -> tensor<1x2xf32> {
  %0 = "qd.reduce_mean"(%x) {axes = array<i64: 3>, keep = false} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4xf32>
  %1 = "qd.reduce_mean"(%0) {axes = array<i64: 2>, keep = false} : (tensor<1x2x4xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_mean_over_flattened_pixels_is_one_over_the_image
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = false} : (tensor<1x2x4x4xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2xf32>
func.func @a_mean_over_flattened_pixels_is_one_over_the_image(%x: tensor<1x2x4x4xf32>) -> tensor<1x2xf32> {
  %0 = "qd.reshape"(%x) : (tensor<1x2x4x4xf32>) -> tensor<1x2x16xf32>
  %1 = "qd.reduce_mean"(%0) {axes = array<i64: 2>, keep = false} : (tensor<1x2x16xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_mean_over_pixels_does_not_care_where_channels_are
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = false} : (tensor<1x2x4x4xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2xf32>
func.func @a_mean_over_pixels_does_not_care_where_channels_are(%x: tensor<1x2x4x4xf32>) -> tensor<1x2xf32> {
  %0 = "qd.transpose"(%x) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x4x4xf32>) -> tensor<1x4x4x2xf32>
  %1 = "qd.reduce_mean"(%0) {axes = array<i64: 1, 2>, keep = false} : (tensor<1x4x4x2xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_mean_that_leaves_the_rest_out_of_order_stays
// CHECK-NEXT:    %[[A:.+]] = "qd.transpose"(%arg0) {permutation = array<i64: 0, 3, 2, 1>} : (tensor<1x2x4x3xf32>) -> tensor<1x3x4x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.reduce_mean"(%[[A]]) {axes = array<i64: 2>, keep = false} : (tensor<1x3x4x2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x3x2xf32>
func.func @a_mean_that_leaves_the_rest_out_of_order_stays(%x: tensor<1x2x4x3xf32>) -> tensor<1x3x2xf32> {
  %0 = "qd.transpose"(%x) {permutation = array<i64: 0, 3, 2, 1>} : (tensor<1x2x4x3xf32>) -> tensor<1x3x4x2xf32>
  %1 = "qd.reduce_mean"(%0) {axes = array<i64: 2>, keep = false} : (tensor<1x3x4x2xf32>) -> tensor<1x3x2xf32>
  return %1 : tensor<1x3x2xf32>
}
