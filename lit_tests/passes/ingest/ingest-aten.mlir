// RUN: not dyadic-opt -p ingest-aten --split-input-file %s | filecheck %s

// CHECK-LABEL: func.func @embedding_by_an_input_of_integers
// CHECK-SAME:    (%[[IDS:.+]]: tensor<1x3xi32> {qd.dtype = "int32"}) -> tensor<1x3x2xf32>
// CHECK-NEXT:    %[[T:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.embedding"(%[[IDS]], %[[T]]) : (tensor<1x3xi32>, tensor<4x2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[E]] : tensor<1x3x2xf32>
func.func @embedding_by_an_input_of_integers(%arg0: !torch.vtensor<[1,3],si32>) -> !torch.vtensor<[1,3,2],f32> {
  %t = torch.vtensor.literal(dense<5.000000e-01> : tensor<4x2xf32>) : !torch.vtensor<[4,2],f32>
  %int-1 = torch.constant.int -1
  %false = torch.constant.bool false
  %0 = torch.aten.embedding %t, %arg0, %int-1, %false, %false : !torch.vtensor<[4,2],f32>, !torch.vtensor<[1,3],si32>, !torch.int, !torch.bool, !torch.bool -> !torch.vtensor<[1,3,2],f32>
  return %0 : !torch.vtensor<[1,3,2],f32>
}

// CHECK-LABEL: func.func @convolutions_keep_stride_padding_dilation_and_groups
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<6x2x3x3xf32>} : () -> tensor<6x2x3x3xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<6xf32>} : () -> tensor<6xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 2>, groups = 2 : i64, padding = array<i64: 1, 2, 1, 2>, strides = array<i64: 2, 2>} : (tensor<1x4x6x6xf32>, tensor<6x2x3x3xf32>, tensor<6xf32>) -> tensor<1x6x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x6x3x3xf32>
func.func @convolutions_keep_stride_padding_dilation_and_groups(%arg0: !torch.vtensor<[1,4,6,6],f32>) -> !torch.vtensor<[1,6,3,3],f32> {
  %0 = torch.vtensor.literal(dense<5.000000e-01> : tensor<6x2x3x3xf32>) : !torch.vtensor<[6,2,3,3],f32>
  %1 = torch.vtensor.literal(dense<5.000000e-01> : tensor<6xf32>) : !torch.vtensor<[6],f32>
  %int2 = torch.constant.int 2
  %int2_0 = torch.constant.int 2
  %2 = torch.prim.ListConstruct %int2, %int2_0 : (!torch.int, !torch.int) -> !torch.list<int>
  %int1 = torch.constant.int 1
  %int2_1 = torch.constant.int 2
  %3 = torch.prim.ListConstruct %int1, %int2_1 : (!torch.int, !torch.int) -> !torch.list<int>
  %int1_2 = torch.constant.int 1
  %int2_3 = torch.constant.int 2
  %4 = torch.prim.ListConstruct %int1_2, %int2_3 : (!torch.int, !torch.int) -> !torch.list<int>
  %int2_4 = torch.constant.int 2
  %5 = torch.aten.conv2d %arg0, %0, %1, %2, %3, %4, %int2_4 : !torch.vtensor<[1,4,6,6],f32>, !torch.vtensor<[6,2,3,3],f32>, !torch.vtensor<[6],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor<[1,6,3,3],f32>
  return %5 : !torch.vtensor<[1,6,3,3],f32>
}

// CHECK-LABEL: func.func @same_padding_puts_the_odd_cell_last
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<2x4x2x2xf32>} : () -> tensor<2x4x2x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.conv2d"(%arg0, %[[A]], %[[B]]) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x4x6x6xf32>, tensor<2x4x2x2xf32>, tensor<2xf32>) -> tensor<1x2x6x6xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x6x6xf32>
func.func @same_padding_puts_the_odd_cell_last(%arg0: !torch.vtensor<[1,4,6,6],f32>) -> !torch.vtensor<[1,2,6,6],f32> {
  %0 = torch.vtensor.literal(dense<5.000000e-01> : tensor<2x4x2x2xf32>) : !torch.vtensor<[2,4,2,2],f32>
  %none = torch.constant.none
  %int1 = torch.constant.int 1
  %int1_0 = torch.constant.int 1
  %1 = torch.prim.ListConstruct %int1, %int1_0 : (!torch.int, !torch.int) -> !torch.list<int>
  %str = torch.constant.str "same"
  %int1_1 = torch.constant.int 1
  %int1_2 = torch.constant.int 1
  %2 = torch.prim.ListConstruct %int1_1, %int1_2 : (!torch.int, !torch.int) -> !torch.list<int>
  %int1_3 = torch.constant.int 1
  %3 = torch.aten.conv2d.padding %arg0, %0, %none, %1, %str, %2, %int1_3 : !torch.vtensor<[1,4,6,6],f32>, !torch.vtensor<[2,4,2,2],f32>, !torch.none, !torch.list<int>, !torch.str, !torch.list<int>, !torch.int -> !torch.vtensor<[1,2,6,6],f32>
  return %3 : !torch.vtensor<[1,2,6,6],f32>
}

// CHECK-LABEL: func.func @linear_keeps_its_weights
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<3xf32>} : () -> tensor<3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.linear"(%arg0, %[[A]], %[[B]]) : (tensor<1x3x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x3x3xf32>
func.func @linear_keeps_its_weights(%arg0: !torch.vtensor<[1,3,2],f32>) -> !torch.vtensor<[1,3,3],f32> {
  %0 = torch.vtensor.literal(dense<5.000000e-01> : tensor<3x2xf32>) : !torch.vtensor<[3,2],f32>
  %1 = torch.vtensor.literal(dense<5.000000e-01> : tensor<3xf32>) : !torch.vtensor<[3],f32>
  %2 = torch.aten.linear %arg0, %0, %1 : !torch.vtensor<[1,3,2],f32>, !torch.vtensor<[3,2],f32>, !torch.vtensor<[3],f32> -> !torch.vtensor<[1,3,3],f32>
  return %2 : !torch.vtensor<[1,3,3],f32>
}

// CHECK-LABEL: func.func @addmm_and_mm_transpose_theirs
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<3xf32>} : () -> tensor<3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.linear"(%arg0, %[[A]], %[[B]]) : (tensor<1x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x3xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.constant"() {value = dense<1.500000e+00> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.constant"() {value = dense<2.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.linear"(%[[C]], %[[D]], %[[E]]) : (tensor<1x3xf32>, tensor<2x3xf32>, tensor<2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    return %[[F]] : tensor<1x2xf32>
func.func @addmm_and_mm_transpose_theirs(%arg0: !torch.vtensor<[1,2],f32>) -> !torch.vtensor<[1,2],f32> {
  %0 = torch.vtensor.literal(dense<[[1.000000e+00, 2.000000e+00, 3.000000e+00], [4.000000e+00, 5.000000e+00, 6.000000e+00]]> : tensor<2x3xf32>) : !torch.vtensor<[2,3],f32>
  %1 = torch.aten.mm %arg0, %0 : !torch.vtensor<[1,2],f32>, !torch.vtensor<[2,3],f32> -> !torch.vtensor<[1,3],f32>
  %2 = torch.vtensor.literal(dense<1.000000e+00> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %3 = torch.vtensor.literal(dense<5.000000e-01> : tensor<3x2xf32>) : !torch.vtensor<[3,2],f32>
  %int2 = torch.constant.int 2
  %int3 = torch.constant.int 3
  %4 = torch.aten.addmm %2, %1, %3, %int2, %int3 : !torch.vtensor<[2],f32>, !torch.vtensor<[1,3],f32>, !torch.vtensor<[3,2],f32>, !torch.int, !torch.int -> !torch.vtensor<[1,2],f32>
  return %4 : !torch.vtensor<[1,2],f32>
}

// CHECK-LABEL: func.func @matmul_by_a_constant_is_linear
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<3xf32>} : () -> tensor<3xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.linear"(%arg0, %[[A]], %[[B]]) : (tensor<1x3x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x3x3xf32>
func.func @matmul_by_a_constant_is_linear(%arg0: !torch.vtensor<[1,3,2],f32>) -> !torch.vtensor<[1,3,3],f32> {
  %0 = torch.vtensor.literal(dense<[[1.000000e+00, 2.000000e+00, 3.000000e+00], [4.000000e+00, 5.000000e+00, 6.000000e+00]]> : tensor<2x3xf32>) : !torch.vtensor<[2,3],f32>
  %1 = torch.aten.matmul %arg0, %0 : !torch.vtensor<[1,3,2],f32>, !torch.vtensor<[2,3],f32> -> !torch.vtensor<[1,3,3],f32>
  return %1 : !torch.vtensor<[1,3,3],f32>
}

// scale = weight / sqrt(variance + epsilon), shift = bias - mean * scale
// CHECK-LABEL: func.func @batch_norm_is_a_scale_and_a_shift
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<[5.000000e-01, -2.500000e-01]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64, qd.statistics = array<f64: 5.000000e-01, 5.000000e-01, 0.433{{[0-9]+}}, 0.484{{[0-9]+}}>} : (tensor<1x2x3x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x3xf32>
func.func @batch_norm_is_a_scale_and_a_shift(%arg0: !torch.vtensor<[1,2,3,3],f32>) -> !torch.vtensor<[1,2,3,3],f32> {
  %0 = torch.vtensor.literal(dense<5.000000e-01> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %1 = torch.vtensor.literal(dense<5.000000e-01> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %2 = torch.vtensor.literal(dense<[0.000000e+00, 3.000000e+00]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %3 = torch.vtensor.literal(dense<[7.500000e-01, 3.750000e+00]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %float1.000000e-01 = torch.constant.float 1.000000e-01
  %float2.500000e-01 = torch.constant.float 2.500000e-01
  %4:3 = torch.operator "torch.aten._native_batch_norm_legit_no_training"(%arg0, %0, %1, %2, %3, %float1.000000e-01, %float2.500000e-01) : (!torch.vtensor<[1,2,3,3],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.float, !torch.float) -> (!torch.vtensor<[1,2,3,3],f32>, !torch.vtensor<[0],f32>, !torch.vtensor<[0],f32>) 
  return %4#0 : !torch.vtensor<[1,2,3,3],f32>
}

// CHECK-LABEL: func.func @max_pool_takes_its_kernel_as_stride_and_may_reach_out
// CHECK-NEXT:    %[[A:.+]] = "qd.max_pool"(%arg0) {dilation = array<i64: 1, 1>, kernel = array<i64: 4, 4>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 4, 4>} : (tensor<1x4x6x6xf32>) -> tensor<1x4x2x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x4x2x2xf32>
func.func @max_pool_takes_its_kernel_as_stride_and_may_reach_out(%arg0: !torch.vtensor<[1,4,6,6],f32>) -> !torch.vtensor<[1,4,2,2],f32> {
  %int4 = torch.constant.int 4
  %int4_0 = torch.constant.int 4
  %0 = torch.prim.ListConstruct %int4, %int4_0 : (!torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.prim.ListConstruct  : () -> !torch.list<int>
  %int0 = torch.constant.int 0
  %int0_1 = torch.constant.int 0
  %2 = torch.prim.ListConstruct %int0, %int0_1 : (!torch.int, !torch.int) -> !torch.list<int>
  %int1 = torch.constant.int 1
  %int1_2 = torch.constant.int 1
  %3 = torch.prim.ListConstruct %int1, %int1_2 : (!torch.int, !torch.int) -> !torch.list<int>
  %true = torch.constant.bool true
  %4 = torch.aten.max_pool2d %arg0, %0, %1, %2, %3, %true : !torch.vtensor<[1,4,6,6],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor<[1,4,2,2],f32>
  return %4 : !torch.vtensor<[1,4,2,2],f32>
}

// CHECK-LABEL: func.func @average_pool_counts_padding_unless_told
// CHECK-NEXT:    %[[A:.+]] = "qd.avg_pool"(%arg0) {count_include_pad = true, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x4x6x6xf32>) -> tensor<1x4x6x6xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.avg_pool"(%[[A]]) {count_include_pad = false, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x4x6x6xf32>) -> tensor<1x4x6x6xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x4x6x6xf32>
func.func @average_pool_counts_padding_unless_told(%arg0: !torch.vtensor<[1,4,6,6],f32>) -> !torch.vtensor<[1,4,6,6],f32> {
  %int3 = torch.constant.int 3
  %int3_0 = torch.constant.int 3
  %0 = torch.prim.ListConstruct %int3, %int3_0 : (!torch.int, !torch.int) -> !torch.list<int>
  %int1 = torch.constant.int 1
  %int1_1 = torch.constant.int 1
  %1 = torch.prim.ListConstruct %int1, %int1_1 : (!torch.int, !torch.int) -> !torch.list<int>
  %int1_2 = torch.constant.int 1
  %int1_3 = torch.constant.int 1
  %2 = torch.prim.ListConstruct %int1_2, %int1_3 : (!torch.int, !torch.int) -> !torch.list<int>
  %false = torch.constant.bool false
  %true = torch.constant.bool true
  %none = torch.constant.none
  %3 = torch.aten.avg_pool2d %arg0, %0, %1, %2, %false, %true, %none : !torch.vtensor<[1,4,6,6],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.bool, !torch.none -> !torch.vtensor<[1,4,6,6],f32>
  %int3_4 = torch.constant.int 3
  %int3_5 = torch.constant.int 3
  %4 = torch.prim.ListConstruct %int3_4, %int3_5 : (!torch.int, !torch.int) -> !torch.list<int>
  %int1_6 = torch.constant.int 1
  %int1_7 = torch.constant.int 1
  %5 = torch.prim.ListConstruct %int1_6, %int1_7 : (!torch.int, !torch.int) -> !torch.list<int>
  %int1_8 = torch.constant.int 1
  %int1_9 = torch.constant.int 1
  %6 = torch.prim.ListConstruct %int1_8, %int1_9 : (!torch.int, !torch.int) -> !torch.list<int>
  %false_10 = torch.constant.bool false
  %false_11 = torch.constant.bool false
  %none_12 = torch.constant.none
  %7 = torch.aten.avg_pool2d %3, %4, %5, %6, %false_10, %false_11, %none_12 : !torch.vtensor<[1,4,6,6],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.bool, !torch.none -> !torch.vtensor<[1,4,6,6],f32>
  return %7 : !torch.vtensor<[1,4,6,6],f32>
}

// CHECK-LABEL: func.func @adaptive_pools_that_divide_evenly_are_windows
// CHECK-NEXT:    %[[A:.+]] = "qd.avg_pool"(%arg0) {count_include_pad = false, kernel = array<i64: 2, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 3>} : (tensor<1x4x6x6xf32>) -> tensor<1x4x3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x4x6x6xf32>) -> tensor<1x4x1x1xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.max_pool"(%arg0) {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x4x6x6xf32>) -> tensor<1x4x3x3xf32>
// CHECK-NEXT:    return %[[A]], %[[B]], %[[C]] : tensor<1x4x3x2xf32>, tensor<1x4x1x1xf32>, tensor<1x4x3x3xf32>
func.func @adaptive_pools_that_divide_evenly_are_windows(%arg0: !torch.vtensor<[1,4,6,6],f32>) -> (!torch.vtensor<[1,4,3,2],f32>, !torch.vtensor<[1,4,1,1],f32>, !torch.vtensor<[1,4,3,3],f32>) {
  %int3 = torch.constant.int 3
  %int2 = torch.constant.int 2
  %0 = torch.prim.ListConstruct %int3, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.adaptive_avg_pool2d %arg0, %0 : !torch.vtensor<[1,4,6,6],f32>, !torch.list<int> -> !torch.vtensor<[1,4,3,2],f32>
  %int1 = torch.constant.int 1
  %int1_0 = torch.constant.int 1
  %2 = torch.prim.ListConstruct %int1, %int1_0 : (!torch.int, !torch.int) -> !torch.list<int>
  %3 = torch.aten.adaptive_avg_pool2d %arg0, %2 : !torch.vtensor<[1,4,6,6],f32>, !torch.list<int> -> !torch.vtensor<[1,4,1,1],f32>
  %int3_1 = torch.constant.int 3
  %int3_2 = torch.constant.int 3
  %4 = torch.prim.ListConstruct %int3_1, %int3_2 : (!torch.int, !torch.int) -> !torch.list<int>
  %result0, %result1 = torch.aten.adaptive_max_pool2d %arg0, %4 : !torch.vtensor<[1,4,6,6],f32>, !torch.list<int> -> !torch.vtensor<[1,4,3,3],f32>, !torch.vtensor<[1,4,3,3],si64>
  return %1, %3, %result0 : !torch.vtensor<[1,4,3,2],f32>, !torch.vtensor<[1,4,1,1],f32>, !torch.vtensor<[1,4,3,3],f32>
}

// CHECK-LABEL: func.func @mean_takes_negative_axes
// CHECK-NEXT:    %[[A:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 2, 3>, keep = false} : (tensor<1x4x6x6xf32>) -> tensor<1x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.reduce_mean"(%arg0) {axes = array<i64: 1>, keep = true} : (tensor<1x4x6x6xf32>) -> tensor<1x1x6x6xf32>
// CHECK-NEXT:    return %[[A]], %[[B]] : tensor<1x4xf32>, tensor<1x1x6x6xf32>
func.func @mean_takes_negative_axes(%arg0: !torch.vtensor<[1,4,6,6],f32>) -> (!torch.vtensor<[1,4],f32>, !torch.vtensor<[1,1,6,6],f32>) {
  %int-1 = torch.constant.int -1
  %int-2 = torch.constant.int -2
  %0 = torch.prim.ListConstruct %int-1, %int-2 : (!torch.int, !torch.int) -> !torch.list<int>
  %false = torch.constant.bool false
  %none = torch.constant.none
  %1 = torch.aten.mean.dim %arg0, %0, %false, %none : !torch.vtensor<[1,4,6,6],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[1,4],f32>
  %int1 = torch.constant.int 1
  %2 = torch.prim.ListConstruct %int1 : (!torch.int) -> !torch.list<int>
  %true = torch.constant.bool true
  %none_0 = torch.constant.none
  %3 = torch.aten.mean.dim %arg0, %2, %true, %none_0 : !torch.vtensor<[1,4,6,6],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[1,1,6,6],f32>
  return %1, %3 : !torch.vtensor<[1,4],f32>, !torch.vtensor<[1,1,6,6],f32>
}

// CHECK-LABEL: func.func @arithmetic_with_numbers_is_a_scale_and_a_shift
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<3.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.constant"() {value = dense<2.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.scale_shift"(%[[C]], %[[D]], %[[E]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[G:.+]] = "qd.constant"() {value = dense<1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[H:.+]] = "qd.constant"() {value = dense<-1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[I:.+]] = "qd.scale_shift"(%[[F]], %[[G]], %[[H]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[J:.+]] = "qd.constant"() {value = dense<2.500000e-01> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[K:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[L:.+]] = "qd.scale_shift"(%[[I]], %[[J]], %[[K]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[M:.+]] = "qd.constant"() {value = dense<-1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[N:.+]] = "qd.constant"() {value = dense<2.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[O:.+]] = "qd.scale_shift"(%[[L]], %[[M]], %[[N]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[O]] : tensor<1x2x3x4xf32>
func.func @arithmetic_with_numbers_is_a_scale_and_a_shift(%arg0: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %int3 = torch.constant.int 3
  %int1 = torch.constant.int 1
  %0 = torch.aten.add.Scalar %arg0, %int3, %int1 : !torch.vtensor<[1,2,3,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  %int2 = torch.constant.int 2
  %1 = torch.aten.mul.Scalar %0, %int2 : !torch.vtensor<[1,2,3,4],f32>, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  %2 = torch.vtensor.literal(dense<1.000000e+00> : tensor<f32>) : !torch.vtensor<[],f32>
  %int1_0 = torch.constant.int 1
  %3 = torch.aten.sub.Tensor %1, %2, %int1_0 : !torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[],f32>, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  %int4 = torch.constant.int 4
  %4 = torch.aten.div.Scalar %3, %int4 : !torch.vtensor<[1,2,3,4],f32>, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  %int2_1 = torch.constant.int 2
  %int1_2 = torch.constant.int 1
  %5 = torch.aten.rsub.Scalar %4, %int2_1, %int1_2 : !torch.vtensor<[1,2,3,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  return %5 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @alpha_scales_the_second_operand
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<2.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg1, %[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.add"(%arg0, %[[C]]) : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.sub"(%[[D]], %arg1) : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[E]] : tensor<1x2x3x4xf32>
func.func @alpha_scales_the_second_operand(%arg0: !torch.vtensor<[1,2,3,4],f32>, %arg1: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %int2 = torch.constant.int 2
  %0 = torch.aten.add.Tensor %arg0, %arg1, %int2 : !torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,3,4],f32>, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  %int1 = torch.constant.int 1
  %1 = torch.aten.sub.Tensor %0, %arg1, %int1 : !torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,3,4],f32>, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  return %1 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @a_buffer_of_channels_is_a_scale
// CHECK-NEXT:    %[[A:.+]] = "qd.constant"() {value = dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.scale_shift"(%arg0, %[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x2x3x4xf32>
func.func @a_buffer_of_channels_is_a_scale(%arg0: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.vtensor.literal(dense<[[[1.000000e+00]], [[2.000000e+00]]]> : tensor<2x1x1xf32>) : !torch.vtensor<[2,1,1],f32>
  %1 = torch.aten.mul.Tensor %arg0, %0 : !torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[2,1,1],f32> -> !torch.vtensor<[1,2,3,4],f32>
  return %1 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @two_tensors_broadcast
// CHECK-NEXT:    %[[A:.+]] = "qd.mul"(%arg0, %arg1) : (tensor<1x2x3x4xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.sub"(%[[A]], %arg0) : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x2x3x4xf32>
func.func @two_tensors_broadcast(%arg0: !torch.vtensor<[1,2,3,4],f32>, %arg1: !torch.vtensor<[1,2,1,1],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.aten.mul.Tensor %arg0, %arg1 : !torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,1,1],f32> -> !torch.vtensor<[1,2,3,4],f32>
  %int1 = torch.constant.int 1
  %1 = torch.aten.sub.Tensor %0, %arg0, %int1 : !torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1,2,3,4],f32>, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  return %1 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @clamps_of_all_names
// CHECK-NEXT:    %[[A:.+]] = "qd.clamp"(%arg0) {high = 0x7F800000 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.clamp"(%[[A]]) {high = 6.000000e+00 : f32, low = 0.000000e+00 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.clamp"(%[[B]]) {high = 2.000000e+00 : f32, low = -2.000000e+00 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.clamp"(%[[C]]) {high = 0x7F800000 : f32, low = -1.000000e+00 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.clamp"(%[[D]]) {high = 1.000000e+00 : f32, low = -1.000000e+00 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.clamp"(%[[E]]) {high = 5.000000e-01 : f32, low = 0xFF800000 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[F]] : tensor<1x2x3x4xf32>
func.func @clamps_of_all_names(%arg0: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.aten.relu %arg0 : !torch.vtensor<[1,2,3,4],f32> -> !torch.vtensor<[1,2,3,4],f32>
  %1 = torch.aten.relu6 %0 : !torch.vtensor<[1,2,3,4],f32> -> !torch.vtensor<[1,2,3,4],f32>
  %int-2 = torch.constant.int -2
  %int2 = torch.constant.int 2
  %2 = torch.aten.hardtanh %1, %int-2, %int2 : !torch.vtensor<[1,2,3,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  %int-1 = torch.constant.int -1
  %none = torch.constant.none
  %3 = torch.aten.clamp %2, %int-1, %none : !torch.vtensor<[1,2,3,4],f32>, !torch.int, !torch.none -> !torch.vtensor<[1,2,3,4],f32>
  %int-1_0 = torch.constant.int -1
  %int1 = torch.constant.int 1
  %4 = torch.aten.clamp %3, %int-1_0, %int1 : !torch.vtensor<[1,2,3,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[1,2,3,4],f32>
  %float5.000000e-01 = torch.constant.float 5.000000e-01
  %5 = torch.aten.clamp_max %4, %float5.000000e-01 : !torch.vtensor<[1,2,3,4],f32>, !torch.float -> !torch.vtensor<[1,2,3,4],f32>
  return %5 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @activations_keep_their_names
// CHECK-NEXT:    %[[A:.+]] = "qd.sigmoid"(%arg0) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.tanh"(%[[A]]) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.silu"(%[[B]]) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.hard_swish"(%[[C]]) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.hard_sigmoid"(%[[D]]) {alpha = 0.166666672 : f32, beta = 5.000000e-01 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.leaky_relu"(%[[E]]) {alpha = 2.500000e-01 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[G:.+]] = "qd.constant"() {value = dense<-1.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[H:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK-NEXT:    %[[I:.+]] = "qd.scale_shift"(%[[F]], %[[G]], %[[H]]) {axis = 1 : i64} : (tensor<1x2x3x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[I]] : tensor<1x2x3x4xf32>
func.func @activations_keep_their_names(%arg0: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.aten.sigmoid %arg0 : !torch.vtensor<[1,2,3,4],f32> -> !torch.vtensor<[1,2,3,4],f32>
  %1 = torch.aten.tanh %0 : !torch.vtensor<[1,2,3,4],f32> -> !torch.vtensor<[1,2,3,4],f32>
  %2 = torch.aten.silu %1 : !torch.vtensor<[1,2,3,4],f32> -> !torch.vtensor<[1,2,3,4],f32>
  %3 = torch.aten.hardswish %2 : !torch.vtensor<[1,2,3,4],f32> -> !torch.vtensor<[1,2,3,4],f32>
  %4 = torch.aten.hardsigmoid %3 : !torch.vtensor<[1,2,3,4],f32> -> !torch.vtensor<[1,2,3,4],f32>
  %float2.500000e-01 = torch.constant.float 2.500000e-01
  %5 = torch.aten.leaky_relu %4, %float2.500000e-01 : !torch.vtensor<[1,2,3,4],f32>, !torch.float -> !torch.vtensor<[1,2,3,4],f32>
  %6 = torch.aten.neg %5 : !torch.vtensor<[1,2,3,4],f32> -> !torch.vtensor<[1,2,3,4],f32>
  return %6 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @prelu_with_one_slope_is_leaky_relu
// CHECK-NEXT:    %[[A:.+]] = "qd.leaky_relu"(%arg0) {alpha = 5.000000e-01 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x3x4xf32>
func.func @prelu_with_one_slope_is_leaky_relu(%arg0: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %0 = torch.vtensor.literal(dense<5.000000e-01> : tensor<1xf32>) : !torch.vtensor<[1],f32>
  %1 = torch.aten.prelu %arg0, %0 : !torch.vtensor<[1,2,3,4],f32>, !torch.vtensor<[1],f32> -> !torch.vtensor<[1,2,3,4],f32>
  return %1 : !torch.vtensor<[1,2,3,4],f32>
}

// CHECK-LABEL: func.func @what_does_nothing_vanishes
// CHECK-NEXT:    return %arg0 : tensor<1x2x3x4xf32>
func.func @what_does_nothing_vanishes(%arg0: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,3,4],f32> {
  %none = torch.constant.none
  %0 = torch.aten.clone %arg0, %none : !torch.vtensor<[1,2,3,4],f32>, !torch.none -> !torch.vtensor<[1,2,3,4],f32>
  %none_0 = torch.constant.none
  %1 = torch.aten.clone %0, %none_0 : !torch.vtensor<[1,2,3,4],f32>, !torch.none -> !torch.vtensor<[1,2,3,4],f32>
  %2 = torch.aten.detach %1 : !torch.vtensor<[1,2,3,4],f32> -> !torch.vtensor<[1,2,3,4],f32>
  %none_1 = torch.constant.none
  %none_2 = torch.constant.none
  %int6 = torch.constant.int 6
  %cpu = torch.constant.device "cpu"
  %int0 = torch.constant.int 0
  torch.aten._assert_tensor_metadata %2, %none_1, %none_2, %int6, %cpu, %int0 : !torch.vtensor<[1,2,3,4],f32>, !torch.none, !torch.none, !torch.int, !torch.Device, !torch.int
  %int-1 = torch.constant.int -1
  %int2 = torch.constant.int 2
  %int3 = torch.constant.int 3
  %int4 = torch.constant.int 4
  %3 = torch.prim.ListConstruct %int-1, %int2, %int3, %int4 : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %false = torch.constant.bool false
  %4 = torch.aten.expand %2, %3, %false : !torch.vtensor<[1,2,3,4],f32>, !torch.list<int>, !torch.bool -> !torch.vtensor<[1,2,3,4],f32>
  return %4 : !torch.vtensor<[1,2,3,4],f32>
}

// -----

// CHECK: error: 2 operators of the model are not supported:
// CHECK-NEXT:  2 x erfinv, first "blocks.0.erfinv": it has no form in integers here
func.func @unsupported(%x: !torch.vtensor<[1,4],f32>) -> !torch.vtensor<[1,4],f32> {
  %0 = torch.aten.erfinv %x : !torch.vtensor<[1,4],f32> -> !torch.vtensor<[1,4],f32> loc("blocks.0.erfinv")
  %1 = torch.aten.erfinv %x : !torch.vtensor<[1,4],f32> -> !torch.vtensor<[1,4],f32> loc("head")
  return %1 : !torch.vtensor<[1,4],f32>
}
