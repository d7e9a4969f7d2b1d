// RUN: not dyadic-opt -p ingest-onnx --split-input-file %s | filecheck %s

// CHECK-LABEL: func.func @conv_takes_asymmetric_padding_and_groups
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<6x2x3x3xf32>} : () -> tensor<6x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<6xf32>} : () -> tensor<6xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 2 : i64, padding = array<i64: 0, 1, 1, 0>, strides = array<i64: 1, 1>} : (tensor<1x4x5x5xf32>, tensor<6x2x3x3xf32>, tensor<6xf32>) -> tensor<1x6x4x4xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x6x4x4xf32>
func.func @conv_takes_asymmetric_padding_and_groups(%x: !torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,6,4,4],f32> {
  %w = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.5> : tensor<6x2x3x3xf32>} : () -> !torch.vtensor<[6,2,3,3],f32>
  %b = torch.operator "onnx.Constant"() {torch.onnx.value = dense<1.0> : tensor<6xf32>} : () -> !torch.vtensor<[6],f32>
  %0 = torch.operator "onnx.Conv"(%x, %w, %b) {torch.onnx.pads = [0 : si64, 1 : si64, 1 : si64, 0 : si64], torch.onnx.group = 2 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64]} : (!torch.vtensor<[1,4,5,5],f32>, !torch.vtensor<[6,2,3,3],f32>, !torch.vtensor<[6],f32>) -> !torch.vtensor<[1,6,4,4],f32>
  return %0 : !torch.vtensor<[1,6,4,4],f32>
}

// CHECK-LABEL: func.func @conv_without_bias_gets_zeros_and_auto_pad_is_worked_out
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<2x4x2x2xf32>} : () -> tensor<2x4x2x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 1, 1>, strides = array<i64: 2, 2>} : (tensor<1x4x5x5xf32>, tensor<2x4x2x2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @conv_without_bias_gets_zeros_and_auto_pad_is_worked_out(%x: !torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,2,3,3],f32> {
  %w = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.5> : tensor<2x4x2x2xf32>} : () -> !torch.vtensor<[2,4,2,2],f32>
  %0 = torch.operator "onnx.Conv"(%x, %w) {torch.onnx.auto_pad = "SAME_UPPER", torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,4,5,5],f32>, !torch.vtensor<[2,4,2,2],f32>) -> !torch.vtensor<[1,2,3,3],f32>
  return %0 : !torch.vtensor<[1,2,3,3],f32>
}

// CHECK-LABEL: func.func @auto_pad_lower_puts_the_odd_cell_first
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<2x4x2x2xf32>} : () -> tensor<2x4x2x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x4x5x5xf32>, tensor<2x4x2x2xf32>, tensor<2xf32>) -> tensor<1x2x5x5xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x5x5xf32>
func.func @auto_pad_lower_puts_the_odd_cell_first(%x: !torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,2,5,5],f32> {
  %w = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.5> : tensor<2x4x2x2xf32>} : () -> !torch.vtensor<[2,4,2,2],f32>
  %0 = torch.operator "onnx.Conv"(%x, %w) {torch.onnx.auto_pad = "SAME_LOWER"} : (!torch.vtensor<[1,4,5,5],f32>, !torch.vtensor<[2,4,2,2],f32>) -> !torch.vtensor<[1,2,5,5],f32>
  return %0 : !torch.vtensor<[1,2,5,5],f32>
}

// CHECK-LABEL: func.func @gemm_scales_its_constants
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}2.000000e+00, 8.000000e+00], [4.000000e+00, 1.000000e+01], [6.000000e+00, 1.200000e+01]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<3.000000e+00> : tensor<3xf32>} : () -> tensor<3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.linear"(%arg0, %[[A]], %[[B]]) : (tensor<1x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x3xf32>
func.func @gemm_scales_its_constants(%x: !torch.vtensor<[1,2],f32>) -> !torch.vtensor<[1,3],f32> {
  %w = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>} : () -> !torch.vtensor<[2,3],f32>
  %b = torch.operator "onnx.Constant"() {torch.onnx.value = dense<1.0> : tensor<f32>} : () -> !torch.vtensor<[],f32>
  %0 = torch.operator "onnx.Gemm"(%x, %w, %b) {torch.onnx.alpha = 2.0 : f32, torch.onnx.beta = 3.0 : f32} : (!torch.vtensor<[1,2],f32>, !torch.vtensor<[2,3],f32>, !torch.vtensor<[],f32>) -> !torch.vtensor<[1,3],f32>
  return %0 : !torch.vtensor<[1,3],f32>
}

// CHECK-LABEL: func.func @gemm_with_transposed_weights_takes_them_as_they_are
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<1.500000e+00> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<3xf32>} : () -> tensor<3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.linear"(%arg0, %[[A]], %[[B]]) : (tensor<1x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x3xf32>
func.func @gemm_with_transposed_weights_takes_them_as_they_are(%x: !torch.vtensor<[1,2],f32>) -> !torch.vtensor<[1,3],f32> {
  %w = torch.operator "onnx.Constant"() {torch.onnx.value = dense<1.5> : tensor<3x2xf32>} : () -> !torch.vtensor<[3,2],f32>
  %b = torch.operator "onnx.Constant"() {torch.onnx.value = dense<1.0> : tensor<3xf32>} : () -> !torch.vtensor<[3],f32>
  %0 = torch.operator "onnx.Gemm"(%x, %w, %b) {torch.onnx.transB = 1 : si64} : (!torch.vtensor<[1,2],f32>, !torch.vtensor<[3,2],f32>, !torch.vtensor<[3],f32>) -> !torch.vtensor<[1,3],f32>
  return %0 : !torch.vtensor<[1,3],f32>
}

// CHECK-LABEL: func.func @matmul_by_a_constant_is_linear
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<3xf32>} : () -> tensor<3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.linear"(%arg0, %[[A]], %[[B]]) : (tensor<1x7x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x7x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x7x3xf32>
func.func @matmul_by_a_constant_is_linear(%x: !torch.vtensor<[1,7,2],f32>) -> !torch.vtensor<[1,7,3],f32> {
  %w = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>} : () -> !torch.vtensor<[2,3],f32>
  %0 = torch.operator "onnx.MatMul"(%x, %w) : (!torch.vtensor<[1,7,2],f32>, !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[1,7,3],f32>
  return %0 : !torch.vtensor<[1,7,3],f32>
}

// scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale
// CHECK-LABEL: func.func @batch_norm_is_a_scale_and_a_shift
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[0.000000e+00, -2.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64, qd.statistics = array<f64: 0.000000e+00, 1.000000e+00, 0.866{{[0-9]+}}, 1.936{{[0-9]+}}>} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @batch_norm_is_a_scale_and_a_shift(%x: !torch.vtensor<[1,2,3,3],f32>) -> !torch.vtensor<[1,2,3,3],f32> {
  %g = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> !torch.vtensor<[2],f32>
  %b = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[0.0, 1.0]> : tensor<2xf32>} : () -> !torch.vtensor<[2],f32>
  %m = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[0.0, 3.0]> : tensor<2xf32>} : () -> !torch.vtensor<[2],f32>
  %v = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[0.75, 3.75]> : tensor<2xf32>} : () -> !torch.vtensor<[2],f32>
  %0 = torch.operator "onnx.BatchNormalization"(%x, %g, %b, %m, %v) {torch.onnx.epsilon = 0.25 : f32} : (!torch.vtensor<[1,2,3,3],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) -> !torch.vtensor<[1,2,3,3],f32>
  return %0 : !torch.vtensor<[1,2,3,3],f32>
}

// CHECK-LABEL: func.func @max_pool_in_ceil_mode_lets_a_window_reach_out
// CHECK-NEXT:    %[[A:.+]] = "qd.max_pool"(%arg0) {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x4x5x5xf32>) -> tensor<1x4x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x4x3x3xf32>
func.func @max_pool_in_ceil_mode_lets_a_window_reach_out(%x: !torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4,3,3],f32> {
  %0 = torch.operator "onnx.MaxPool"(%x) {torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.strides = [2 : si64, 2 : si64], torch.onnx.ceil_mode = 1 : si64} : (!torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4,3,3],f32>
  return %0 : !torch.vtensor<[1,4,3,3],f32>
}

// CHECK-LABEL: func.func @average_pool_counts_padding_where_asked_to
// CHECK-NEXT:    %[[A:.+]] = "qd.avg_pool"(%arg0) {count_include_pad = true, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x4x5x5xf32>) -> tensor<1x4x5x5xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x4x5x5xf32>
func.func @average_pool_counts_padding_where_asked_to(%x: !torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4,5,5],f32> {
  %0 = torch.operator "onnx.AveragePool"(%x) {torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [1 : si64, 1 : si64, 1 : si64, 1 : si64], torch.onnx.count_include_pad = 1 : si64} : (!torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4,5,5],f32>
  return %0 : !torch.vtensor<[1,4,5,5],f32>
}

// CHECK-LABEL: func.func @global_pools_are_a_mean_and_a_window
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x4x5x5xf32>) -> tensor<1x4x1x1xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.max_pool"(%arg0) {dilation = array<i64: 1, 1>, kernel = array<i64: 5, 5>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x4x5x5xf32>) -> tensor<1x4x1x1xf32>
// CHECK-NEXT:    return %[[A]], %[[B]] : tensor<1x4x1x1xf32>, tensor<1x4x1x1xf32>
func.func @global_pools_are_a_mean_and_a_window(%x: !torch.vtensor<[1,4,5,5],f32>) -> (!torch.vtensor<[1,4,1,1],f32>, !torch.vtensor<[1,4,1,1],f32>) {
  %0 = torch.operator "onnx.GlobalAveragePool"(%x) : (!torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4,1,1],f32>
  %1 = torch.operator "onnx.GlobalMaxPool"(%x) : (!torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4,1,1],f32>
  return %0, %1 : !torch.vtensor<[1,4,1,1],f32>, !torch.vtensor<[1,4,1,1],f32>
}

// CHECK-LABEL: func.func @reduce_mean_takes_axes_as_attribute_or_input
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = false} : (tensor<1x4x5x5xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x4x5x5xf32>) -> tensor<1x4x1x1xf32>
// CHECK-NEXT:    return %[[A]], %[[B]] : tensor<1x4xf32>, tensor<1x4x1x1xf32>
func.func @reduce_mean_takes_axes_as_attribute_or_input(%x: !torch.vtensor<[1,4,5,5],f32>) -> (!torch.vtensor<[1,4],f32>, !torch.vtensor<[1,4,1,1],f32>) {
  %0 = torch.operator "onnx.ReduceMean"(%x) {torch.onnx.axes = [-1 : si64, -2 : si64], torch.onnx.keepdims = 0 : si64} : (!torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4],f32>
  %a = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[2, 3]> : tensor<2xi64>} : () -> !torch.vtensor<[2],si64>
  %1 = torch.operator "onnx.ReduceMean"(%x, %a) : (!torch.vtensor<[1,4,5,5],f32>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[1,4,1,1],f32>
  return %0, %1 : !torch.vtensor<[1,4],f32>, !torch.vtensor<[1,4,1,1],f32>
}

// CHECK-LABEL: func.func @arithmetic_with_a_channel_constant_is_a_scale_and_a_shift
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[2.000000e+00, 4.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.constant"() {value = dense<[2.000000e+00, 4.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.scale_shift"(%[[C]], %[[D]], %[[E]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[G:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[H:.+]] = "qd.constant"() {value = dense<[-2.000000e+00, -4.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[I:.+]] = "qd.scale_shift"(%[[F]], %[[G]], %[[H]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[J:.+]] = "qd.constant"() {value = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[K:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[L:.+]] = "qd.scale_shift"(%[[I]], %[[J]], %[[K]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[L]] : tensor<1x2x3x4xf32>
func.func @arithmetic_with_a_channel_constant_is_a_scale_and_a_shift(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %c = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[[[2.0]], [[4.0]]]> : tensor<2x1x1xf32>} : () -> !torch.vtensor<[2,1,1],f32>
  %0 = torch.operator "onnx.Add"(%x, %c) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[2,1,1],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %1 = torch.operator "onnx.Mul"(%0, %c) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[2,1,1],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %2 = torch.operator "onnx.Sub"(%1, %c) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[2,1,1],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %3 = torch.operator "onnx.Div"(%2, %c) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[2,1,1],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  return %3 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @a_constant_minus_a_tensor_and_negation_turn_the_sign
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<-1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<5.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.constant"() {value = dense<-1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.scale_shift"(%[[C]], %[[D]], %[[E]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[F]] : tensor<1x2x3x4xf32>
func.func @a_constant_minus_a_tensor_and_negation_turn_the_sign(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %c = torch.operator "onnx.Constant"() {torch.onnx.value = dense<5.0> : tensor<f32>} : () -> !torch.vtensor<[],f32>
  %0 = torch.operator "onnx.Sub"(%c, %x) : (!torch.vtensor<[],f32>, !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %1 = torch.operator "onnx.Neg"(%0) : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  return %1 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @a_constant_of_any_other_shape_stays_a_constant
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}[1.000000e+00], [2.000000e+00]], {{\[\[}}3.000000e+00], [4.000000e+00]]]> : tensor<2x2x1xf32>} : () -> tensor<2x2x1xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.mul"(%arg0, %[[A]]) : (tensor<1x2x2x1xf32>, tensor<2x2x1xf32>) -> tensor<1x2x2x1xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x2x2x1xf32>
func.func @a_constant_of_any_other_shape_stays_a_constant(%x: !torch.vtensor<[1,2,2,1],f32>) -> !torch.vtensor<[1,2,2,1],f32> {
  %c = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf32>} : () -> !torch.vtensor<[2,2,1],f32>
  %0 = torch.operator "onnx.Mul"(%c, %x) : (!torch.vtensor<[2,2,1],f32>, !torch.vtensor<[1,2,2,1],f32>) -> !torch.vtensor<[1,2,2,1],f32>
  return %0 : !torch.vtensor<[1,2,2,1],f32>
}

// CHECK-LABEL: func.func @two_tensors_broadcast
// CHECK-NEXT:    %[[A:.+]] = "qd.add"(%arg0, %arg0) : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.sub"(%[[A]], %arg0) : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.mul"(%[[B]], %arg1) : (tensor<1x2x3x4xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.add"(%[[C]], %arg0) : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.add"(%[[D]], %arg1) : (tensor<1x2x3x4xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[E]] : tensor<1x2x3x4xf32>
func.func @two_tensors_broadcast(%x: !torch.vtensor<[1,2,3,4],f32>, %y: !torch.vtensor<[1,2,1,1],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.operator "onnx.Add"(%x, %x) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %1 = torch.operator "onnx.Sub"(%0, %x) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %2 = torch.operator "onnx.Mul"(%1, %y) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,1,1],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %3 = torch.operator "onnx.Sum"(%2, %x, %y) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,1,1],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  return %3 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @relu_is_a_clamp
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 0x7F800000 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x4xf32>
func.func @relu_is_a_clamp(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.operator "onnx.Relu"(%x) : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  return %0 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @clip_of_old_opsets_has_attributes
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 6.000000e+00 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x4xf32>
func.func @clip_of_old_opsets_has_attributes(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.operator "onnx.Clip"(%x) {torch.onnx.min = 0.0 : f32, torch.onnx.max = 6.0 : f32} : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  return %0 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @clip_takes_its_bounds_as_inputs_and_may_omit_them
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 6.000000e+00 : f32, low = 0xFF800000 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x4xf32>
func.func @clip_takes_its_bounds_as_inputs_and_may_omit_them(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %none = torch.constant.none
  %hi = torch.operator "onnx.Constant"() {torch.onnx.value = dense<6.0> : tensor<f32>} : () -> !torch.vtensor<[],f32>
  %0 = torch.operator "onnx.Clip"(%x, %none, %hi) : (!torch.vtensor<[1,2,3,4],f32>, !torch.none, !torch.vtensor<[],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  return %0 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @max_and_min_with_a_number_are_clamps
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 0x7F800000 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.clamp"(%[[A]]) {high = 6.000000e+00 : f32, low = 0xFF800000 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x2x3x4xf32>
func.func @max_and_min_with_a_number_are_clamps(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %lo = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.0> : tensor<f32>} : () -> !torch.vtensor<[],f32>
  %hi = torch.operator "onnx.Constant"() {torch.onnx.value = dense<6.0> : tensor<f32>} : () -> !torch.vtensor<[],f32>
  %0 = torch.operator "onnx.Max"(%x, %lo) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %1 = torch.operator "onnx.Min"(%hi, %0) : (!torch.vtensor<[],f32>, !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  return %1 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @activations_keep_their_names
// CHECK-NEXT:    %[[A:.+]] = "qd.sigmoid"(%arg0) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.tanh"(%[[A]]) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.hard_sigmoid"(%[[B]]) {alpha = 2.000000e-01 : f32, beta = 5.000000e-01 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.hard_swish"(%[[C]]) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.leaky_relu"(%[[D]]) {alpha = 2.500000e-01 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.silu"(%[[E]]) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[G:.+]] = "qd.leaky_relu"(%[[F]]) {alpha = 5.000000e-01 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[G]] : tensor<1x2x3x4xf32>
func.func @activations_keep_their_names(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.operator "onnx.Sigmoid"(%x) : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %1 = torch.operator "onnx.Tanh"(%0) : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %2 = torch.operator "onnx.HardSigmoid"(%1) : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %3 = torch.operator "onnx.HardSwish"(%2) : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %4 = torch.operator "onnx.LeakyRelu"(%3) {torch.onnx.alpha = 0.25 : f32} : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %5 = torch.operator "onnx.Swish"(%4) : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %slope = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.5> : tensor<1x1x1xf32>} : () -> !torch.vtensor<[1,1,1],f32>
  %6 = torch.operator "onnx.PRelu"(%5, %slope) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,1,1],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  return %6 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @what_does_nothing_vanishes
// CHECK-NEXT:    return %arg0 : tensor<1x2x3x4xf32>
func.func @what_does_nothing_vanishes(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.operator "onnx.Identity"(%x) : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %1 = torch.operator "onnx.Dropout"(%0) : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %2 = torch.operator "onnx.Cast"(%1) {torch.onnx.to = 1 : si64} : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  %shape = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[1, 2, 3, 1]> : tensor<4xi64>} : () -> !torch.vtensor<[4],si64>
  %3 = torch.operator "onnx.Expand"(%2, %shape) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[4],si64>) -> !torch.vtensor<[1,2,3,4],f32>
  %4 = torch.operator "onnx.CastLike"(%3, %x) : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32>
  return %4 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @concat_is_a_chain_and_reads_constants
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<1x1x3x4xf32>} : () -> tensor<1x1x3x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.concat"(%arg0, %[[A]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<1x1x3x4xf32>) -> tensor<1x3x3x4xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.concat"(%[[B]], %arg0) {axis = 1 : i64} : (tensor<1x3x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x5x3x4xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x5x3x4xf32>
func.func @concat_is_a_chain_and_reads_constants(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,5,3,4],f32> {
  %c = torch.operator "onnx.Constant"() {torch.onnx.value = dense<1.0> : tensor<1x1x3x4xf32>} : () -> !torch.vtensor<[1,1,3,4],f32>
  %0 = torch.operator "onnx.Concat"(%x, %c, %x) {torch.onnx.axis = -3 : si64} : (!torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,1,3,4],f32>, !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,5,3,4],f32>
  return %0 : !torch.vtensor<[1,5,3,4],f32>
}

// CHECK-LABEL: func.func @slice_of_old_opsets_has_attributes
// CHECK-NEXT:    %[[A:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 0, 1, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x5x5xf32>) -> tensor<1x4x3x5xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x4x3x5xf32>
func.func @slice_of_old_opsets_has_attributes(%x: !torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4,3,5],f32> {
  %0 = torch.operator "onnx.Slice"(%x) {torch.onnx.axes = [2 : si64], torch.onnx.starts = [-4 : si64], torch.onnx.ends = [4 : si64]} : (!torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4,3,5],f32>
  return %0 : !torch.vtensor<[1,4,3,5],f32>
}

// CHECK-LABEL: func.func @slice_takes_inputs_and_steps
// CHECK-NEXT:    %[[A:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 2, 2>} : (tensor<1x4x5x5xf32>) -> tensor<1x4x3x3xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x4x3x3xf32>
func.func @slice_takes_inputs_and_steps(%x: !torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,4,3,3],f32> {
  %s = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[0, 0]> : tensor<2xi64>} : () -> !torch.vtensor<[2],si64>
  %e = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[9223372036854775807, 5]> : tensor<2xi64>} : () -> !torch.vtensor<[2],si64>
  %a = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[2, 3]> : tensor<2xi64>} : () -> !torch.vtensor<[2],si64>
  %st = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[2, 2]> : tensor<2xi64>} : () -> !torch.vtensor<[2],si64>
  %0 = torch.operator "onnx.Slice"(%x, %s, %e, %a, %st) : (!torch.vtensor<[1,4,5,5],f32>, !torch.vtensor<[2],si64>, !torch.vtensor<[2],si64>, !torch.vtensor<[2],si64>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[1,4,3,3],f32>
  return %0 : !torch.vtensor<[1,4,3,3],f32>
}

// CHECK-LABEL: func.func @split_is_slices
// CHECK-NEXT:    %[[A:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x5x5xf32>) -> tensor<1x1x5x5xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x5x5xf32>) -> tensor<1x3x5x5xf32>
// CHECK-NEXT:    return %[[A]], %[[B]] : tensor<1x1x5x5xf32>, tensor<1x3x5x5xf32>
func.func @split_is_slices(%x: !torch.vtensor<[1,4,5,5],f32>) -> (!torch.vtensor<[1,1,5,5],f32>, !torch.vtensor<[1,3,5,5],f32>) {
  %z = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[1, 3]> : tensor<2xi64>} : () -> !torch.vtensor<[2],si64>
  %0:2 = torch.operator "onnx.Split"(%x, %z) {torch.onnx.axis = 1 : si64} : (!torch.vtensor<[1,4,5,5],f32>, !torch.vtensor<[2],si64>) -> (!torch.vtensor<[1,1,5,5],f32>, !torch.vtensor<[1,3,5,5],f32>)
  return %0#0, %0#1 : !torch.vtensor<[1,1,5,5],f32>, !torch.vtensor<[1,3,5,5],f32>
}

// CHECK-LABEL: func.func @split_without_sizes_is_even
// CHECK-NEXT:    %[[A:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x5x5xf32>) -> tensor<1x2x5x5xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 2, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x5x5xf32>) -> tensor<1x2x5x5xf32>
// CHECK-NEXT:    return %[[A]], %[[B]] : tensor<1x2x5x5xf32>, tensor<1x2x5x5xf32>
func.func @split_without_sizes_is_even(%x: !torch.vtensor<[1,4,5,5],f32>) -> (!torch.vtensor<[1,2,5,5],f32>, !torch.vtensor<[1,2,5,5],f32>) {
  %0:2 = torch.operator "onnx.Split"(%x) {torch.onnx.axis = 1 : si64} : (!torch.vtensor<[1,4,5,5],f32>) -> (!torch.vtensor<[1,2,5,5],f32>, !torch.vtensor<[1,2,5,5],f32>)
  return %0#0, %0#1 : !torch.vtensor<[1,2,5,5],f32>, !torch.vtensor<[1,2,5,5],f32>
}

// CHECK-LABEL: func.func @pad_takes_attributes_or_inputs
// CHECK-NEXT:    %[[A:.+]] = "qd.pad"(%arg0) {high = array<i64: 0, 0, 1, 0>, low = array<i64: 0, 0, 1, 0>, value = 1.000000e+00 : f32} : (tensor<1x1x2x2xf32>) -> tensor<1x1x4x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.pad"(%[[A]]) {high = array<i64: 0, 0, 1, 0>, low = array<i64: 0, 0, 0, 2>, value = 0.000000e+00 : f32} : (tensor<1x1x4x2xf32>) -> tensor<1x1x5x4xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x1x5x4xf32>
func.func @pad_takes_attributes_or_inputs(%x: !torch.vtensor<[1,1,2,2],f32>) -> !torch.vtensor<[1,1,5,4],f32> {
  %0 = torch.operator "onnx.Pad"(%x) {torch.onnx.pads = [0 : si64, 0 : si64, 1 : si64, 0 : si64, 0 : si64, 0 : si64, 1 : si64, 0 : si64], torch.onnx.value = 1.0 : f32} : (!torch.vtensor<[1,1,2,2],f32>) -> !torch.vtensor<[1,1,4,2],f32>
  %p = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[0, 2, 1, 0]> : tensor<4xi64>} : () -> !torch.vtensor<[4],si64>
  %v = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.0> : tensor<f32>} : () -> !torch.vtensor<[],f32>
  %a = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[2, -1]> : tensor<2xi64>} : () -> !torch.vtensor<[2],si64>
  %1 = torch.operator "onnx.Pad"(%0, %p, %v, %a) : (!torch.vtensor<[1,1,4,2],f32>, !torch.vtensor<[4],si64>, !torch.vtensor<[],f32>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[1,1,5,4],f32>
  return %1 : !torch.vtensor<[1,1,5,4],f32>
}

// CHECK-LABEL: func.func @everything_that_renames_dimensions_is_a_reshape
// CHECK-NEXT:    %[[A:.+]] = "qd.reshape"(%arg0) : (tensor<1x4x1x1xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.reshape"(%[[A]]) : (tensor<1x4xf32>) -> tensor<1x1x4xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.reshape"(%[[B]]) : (tensor<1x1x4xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.reshape"(%[[C]]) : (tensor<1x4xf32>) -> tensor<1x2x2xf32>
// CHECK-NEXT:    return %[[D]] : tensor<1x2x2xf32>
func.func @everything_that_renames_dimensions_is_a_reshape(%x: !torch.vtensor<[1,4,1,1],f32>) -> !torch.vtensor<[1,2,2],f32> {
  %0 = torch.operator "onnx.Flatten"(%x) : (!torch.vtensor<[1,4,1,1],f32>) -> !torch.vtensor<[1,4],f32>
  %1 = torch.operator "onnx.Unsqueeze"(%0) {torch.onnx.axes = [1 : si64]} : (!torch.vtensor<[1,4],f32>) -> !torch.vtensor<[1,1,4],f32>
  %a = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[1]> : tensor<1xi64>} : () -> !torch.vtensor<[1],si64>
  %2 = torch.operator "onnx.Squeeze"(%1, %a) : (!torch.vtensor<[1,1,4],f32>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,4],f32>
  %s = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[0, 2, -1]> : tensor<3xi64>} : () -> !torch.vtensor<[3],si64>
  %3 = torch.operator "onnx.Reshape"(%2, %s) : (!torch.vtensor<[1,4],f32>, !torch.vtensor<[3],si64>) -> !torch.vtensor<[1,2,2],f32>
  return %3 : !torch.vtensor<[1,2,2],f32>
}

// CHECK-LABEL: func.func @transpose_keeps_the_batch_first
// CHECK-NEXT:    %[[A:.+]] = "qd.transpose"(%arg0) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x3x4xf32>) -> tensor<1x3x4x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x3x4x2xf32>
func.func @transpose_keeps_the_batch_first(%x: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,3,4,2],f32> {
  %0 = torch.operator "onnx.Transpose"(%x) {torch.onnx.perm = [0 : si64, 2 : si64, 3 : si64, 1 : si64]} : (!torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,3,4,2],f32>
  return %0 : !torch.vtensor<[1,3,4,2],f32>
}

// The user's names of inputs and outputs stay.
// CHECK-LABEL: func.func @names_stay(%arg0: tensor<1x2xf32> {qd.name = "image"}) -> (tensor<1x2xf32> {qd.name = "logits"})
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 0x7F800000 : f32, low = 0.000000e+00 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2xf32>
func.func @names_stay(%x: !torch.vtensor<[1,2],f32> {qd.name = "image"}) -> (!torch.vtensor<[1,2],f32> {qd.name = "logits"}) {
  %0 = torch.operator "onnx.Relu"(%x) : (!torch.vtensor<[1,2],f32>) -> !torch.vtensor<[1,2],f32>
  return %0 : !torch.vtensor<[1,2],f32>
}

// -----

// Everything unsupported is named at once, and what reads its result is not blamed as well.
// CHECK: error: 2 operators of the model are not supported:
// CHECK-NEXT:  "/head/nms" (NonMaxSuppression)
// CHECK-NEXT:  "/head/topk" (TopK): it does not say how many entries it takes
// CHECK-NOT:   /head/relu
func.func @unsupported(%x: !torch.vtensor<[1,4],f32>) -> !torch.vtensor<[1,4],f32> {
  %0 = torch.operator "onnx.NonMaxSuppression"(%x) : (!torch.vtensor<[1,4],f32>) -> !torch.vtensor<[1,4],f32> loc("/head/nms")
  %1 = torch.operator "onnx.Relu"(%0) : (!torch.vtensor<[1,4],f32>) -> !torch.vtensor<[1,4],f32> loc("/head/relu")
  %2:2 = torch.operator "onnx.TopK"(%x) : (!torch.vtensor<[1,4],f32>) -> (!torch.vtensor<[1,1],f32>, !torch.vtensor<[1,1],si64>) loc("/head/topk")
  return %1 : !torch.vtensor<[1,4],f32>
}

// -----

// CHECK: error: one operator of the model is not supported: "/up" (Conv): its weight is computed from the input; a constant weight would work
func.func @computed_weight(%x: !torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,1,1,1],f32> {
  %0 = torch.operator "onnx.Conv"(%x, %x) {torch.onnx.kernel_shape = [5 : si64, 5 : si64]} : (!torch.vtensor<[1,4,5,5],f32>, !torch.vtensor<[1,4,5,5],f32>) -> !torch.vtensor<[1,1,1,1],f32> loc("/up")
  return %0 : !torch.vtensor<[1,1,1,1],f32>
}
