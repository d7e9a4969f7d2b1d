// RUN: dyadic-opt -p ingest-aten %s | filecheck %s

// CHECK-LABEL: func.func @cat_chunk_and_split
// CHECK-NEXT:    %[[A:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x6x6xf32>) -> tensor<1x2x6x6xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 2, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x6x6xf32>) -> tensor<1x2x6x6xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x6x6xf32>) -> tensor<1x2x6x6xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 2, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x6x6xf32>) -> tensor<1x2x6x6xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.concat"(%[[A]], %[[B]]) {axis = 1 : i64} : (tensor<1x2x6x6xf32>, tensor<1x2x6x6xf32>) -> tensor<1x4x6x6xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.concat"(%[[E]], %[[C]]) {axis = 1 : i64} : (tensor<1x4x6x6xf32>, tensor<1x2x6x6xf32>) -> tensor<1x6x6x6xf32>
// CHECK-NEXT:    %[[G:.+]] = "qd.concat"(%[[F]], %[[D]]) {axis = 1 : i64} : (tensor<1x6x6x6xf32>, tensor<1x2x6x6xf32>) -> tensor<1x8x6x6xf32>
// CHECK-NEXT:    return %[[G]] : tensor<1x8x6x6xf32>
func.func @cat_chunk_and_split(%arg0: !torch.vtensor<[1,4,6,6],f32>) -> !torch.vtensor<[1,8,6,6],f32> {
  %int2 = torch.constant.int 2
  %int1 = torch.constant.int 1
  %0 = torch.aten.split.Tensor %arg0, %int2, %int1 : !torch.vtensor<[1,4,6,6],f32>, !torch.int, !torch.int -> !torch.list<vtensor>
  %1:2 = torch.prim.ListUnpack %0 : !torch.list<vtensor> -> !torch.vtensor<[1,2,6,6],f32>, !torch.vtensor<[1,2,6,6],f32>
  %int2_0 = torch.constant.int 2
  %int2_1 = torch.constant.int 2
  %2 = torch.prim.ListConstruct %int2_0, %int2_1 : (!torch.int, !torch.int) -> !torch.list<int>
  %int1_2 = torch.constant.int 1
  %3 = torch.aten.split_with_sizes %arg0, %2, %int1_2 : !torch.vtensor<[1,4,6,6],f32>, !torch.list<int>, !torch.int -> !torch.list<vtensor>
  %4:2 = torch.prim.ListUnpack %3 : !torch.list<vtensor> -> !torch.vtensor<[1,2,6,6],f32>, !torch.vtensor<[1,2,6,6],f32>
  %5 = torch.prim.ListConstruct %1#0, %1#1, %4#0, %4#1 : (!torch.vtensor<[1,2,6,6],f32>, !torch.vtensor<[1,2,6,6],f32>, !torch.vtensor<[1,2,6,6],f32>, !torch.vtensor<[1,2,6,6],f32>) -> !torch.list<vtensor>
  %int1_3 = torch.constant.int 1
  %6 = torch.aten.cat %5, %int1_3 : !torch.list<vtensor>, !torch.int -> !torch.vtensor<[1,8,6,6],f32>
  return %6 : !torch.vtensor<[1,8,6,6],f32>
}

// CHECK-LABEL: func.func @slices_narrow_and_select
// CHECK-NEXT:    %[[A:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x6x6xf32>) -> tensor<1x2x6x6xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.slice"(%[[A]]) {starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 2, 1>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x3x6xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 0, 1, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x6x6xf32>) -> tensor<1x4x3x6xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.slice"(%arg0) {starts = array<i64: 0, 3, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x6x6xf32>) -> tensor<1x1x6x6xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.reshape"(%[[D]]) : (tensor<1x1x6x6xf32>) -> tensor<1x6x6xf32>
// CHECK-NEXT:    return %[[B]], %[[C]], %[[E]] : tensor<1x2x3x6xf32>, tensor<1x4x3x6xf32>, tensor<1x6x6xf32>
func.func @slices_narrow_and_select(%arg0: !torch.vtensor<[1,4,6,6],f32>) -> (!torch.vtensor<[1,2,3,6],f32>, !torch.vtensor<[1,4,3,6],f32>, !torch.vtensor<[1,6,6],f32>) {
  %int1 = torch.constant.int 1
  %int1_0 = torch.constant.int 1
  %int3 = torch.constant.int 3
  %int1_1 = torch.constant.int 1
  %0 = torch.aten.slice.Tensor %arg0, %int1, %int1_0, %int3, %int1_1 : !torch.vtensor<[1,4,6,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[1,2,6,6],f32>
  %int2 = torch.constant.int 2
  %int0 = torch.constant.int 0
  %int9223372036854775807 = torch.constant.int 9223372036854775807
  %int2_2 = torch.constant.int 2
  %1 = torch.aten.slice.Tensor %0, %int2, %int0, %int9223372036854775807, %int2_2 : !torch.vtensor<[1,2,6,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[1,2,3,6],f32>
  %int2_3 = torch.constant.int 2
  %int1_4 = torch.constant.int 1
  %int4 = torch.constant.int 4
  %int1_5 = torch.constant.int 1
  %2 = torch.aten.slice.Tensor %arg0, %int2_3, %int1_4, %int4, %int1_5 : !torch.vtensor<[1,4,6,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[1,4,3,6],f32>
  %int1_6 = torch.constant.int 1
  %int-1 = torch.constant.int -1
  %3 = torch.aten.select.int %arg0, %int1_6, %int-1 : !torch.vtensor<[1,4,6,6],f32>, !torch.int, !torch.int -> !torch.vtensor<[1,6,6],f32>
  return %1, %2, %3 : !torch.vtensor<[1,2,3,6],f32>, !torch.vtensor<[1,4,3,6],f32>, !torch.vtensor<[1,6,6],f32>
}

// CHECK-LABEL: func.func @pads_count_from_the_last_dimension
// CHECK-NEXT:    %[[A:.+]] = "qd.pad"(%arg0) {high = array<i64: 0, 0, 0, 2>, low = array<i64: 0, 0, 3, 1>, value = 1.500000e+00 : f32} : (tensor<1x2x3x4xf32>) -> tensor<1x2x6x7xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x2x6x7xf32>
func.func @pads_count_from_the_last_dimension(%arg0: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,6,7],f32> {
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %int3 = torch.constant.int 3
  %int0 = torch.constant.int 0
  %0 = torch.prim.ListConstruct %int1, %int2, %int3, %int0 : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %str = torch.constant.str "constant"
  %float1.500000e00 = torch.constant.float 1.500000e+00
  %1 = torch.aten.pad %arg0, %0, %str, %float1.500000e00 : !torch.vtensor<[1,2,3,4],f32>, !torch.list<int>, !torch.str, !torch.float -> !torch.vtensor<[1,2,6,7],f32>
  return %1 : !torch.vtensor<[1,2,6,7],f32>
}

// CHECK-LABEL: func.func @views_are_reshapes
// CHECK-NEXT:    %[[A:.+]] = "qd.reshape"(%arg0) : (tensor<1x2x3x4xf32>) -> tensor<1x24xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.reshape"(%[[A]]) : (tensor<1x24xf32>) -> tensor<1x24x1xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.reshape"(%[[B]]) : (tensor<1x24x1xf32>) -> tensor<1x4x6xf32>
// CHECK-NEXT:    %[[D:.+]] = "qd.reshape"(%[[C]]) : (tensor<1x4x6xf32>) -> tensor<1x24xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.reshape"(%[[D]]) : (tensor<1x24xf32>) -> tensor<1x6x4xf32>
// CHECK-NEXT:    %[[F:.+]] = "qd.reshape"(%[[E]]) : (tensor<1x6x4xf32>) -> tensor<1x1x6x4xf32>
// CHECK-NEXT:    %[[G:.+]] = "qd.reshape"(%[[F]]) : (tensor<1x1x6x4xf32>) -> tensor<1x6x4xf32>
// CHECK-NEXT:    return %[[G]] : tensor<1x6x4xf32>
func.func @views_are_reshapes(%arg0: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,6,4],f32> {
  %int1 = torch.constant.int 1
  %int24 = torch.constant.int 24
  %0 = torch.prim.ListConstruct %int1, %int24 : (!torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.view %arg0, %0 : !torch.vtensor<[1,2,3,4],f32>, !torch.list<int> -> !torch.vtensor<[1,24],f32>
  %int-1 = torch.constant.int -1
  %2 = torch.aten.unsqueeze %1, %int-1 : !torch.vtensor<[1,24],f32>, !torch.int -> !torch.vtensor<[1,24,1],f32>
  %int1_0 = torch.constant.int 1
  %int4 = torch.constant.int 4
  %int6 = torch.constant.int 6
  %3 = torch.prim.ListConstruct %int1_0, %int4, %int6 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %4 = torch.aten.view %2, %3 : !torch.vtensor<[1,24,1],f32>, !torch.list<int> -> !torch.vtensor<[1,4,6],f32>
  %int1_1 = torch.constant.int 1
  %int24_2 = torch.constant.int 24
  %5 = torch.prim.ListConstruct %int1_1, %int24_2 : (!torch.int, !torch.int) -> !torch.list<int>
  %6 = torch.aten.view %4, %5 : !torch.vtensor<[1,4,6],f32>, !torch.list<int> -> !torch.vtensor<[1,24],f32>
  %int1_3 = torch.constant.int 1
  %int6_4 = torch.constant.int 6
  %int4_5 = torch.constant.int 4
  %7 = torch.prim.ListConstruct %int1_3, %int6_4, %int4_5 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %8 = torch.aten.view %6, %7 : !torch.vtensor<[1,24],f32>, !torch.list<int> -> !torch.vtensor<[1,6,4],f32>
  %int1_6 = torch.constant.int 1
  %9 = torch.aten.unsqueeze %8, %int1_6 : !torch.vtensor<[1,6,4],f32>, !torch.int -> !torch.vtensor<[1,1,6,4],f32>
  %int1_7 = torch.constant.int 1
  %10 = torch.aten.squeeze.dim %9, %int1_7 : !torch.vtensor<[1,1,6,4],f32>, !torch.int -> !torch.vtensor<[1,6,4],f32>
  return %10 : !torch.vtensor<[1,6,4],f32>
}

// CHECK-LABEL: func.func @permutations_keep_the_batch_first
// CHECK-NEXT:    %[[A:.+]] = "qd.transpose"(%arg0) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x3x4xf32>) -> tensor<1x3x4x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.transpose"(%[[A]]) {permutation = array<i64: 0, 3, 2, 1>} : (tensor<1x3x4x2xf32>) -> tensor<1x2x4x3xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x2x4x3xf32>
func.func @permutations_keep_the_batch_first(%arg0: !torch.vtensor<[1,2,3,4],f32>) -> !torch.vtensor<[1,2,4,3],f32> {
  %int0 = torch.constant.int 0
  %int2 = torch.constant.int 2
  %int3 = torch.constant.int 3
  %int1 = torch.constant.int 1
  %0 = torch.prim.ListConstruct %int0, %int2, %int3, %int1 : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.permute %arg0, %0 : !torch.vtensor<[1,2,3,4],f32>, !torch.list<int> -> !torch.vtensor<[1,3,4,2],f32>
  %int1_0 = torch.constant.int 1
  %int3_1 = torch.constant.int 3
  %2 = torch.aten.transpose.int %1, %int1_0, %int3_1 : !torch.vtensor<[1,3,4,2],f32>, !torch.int, !torch.int -> !torch.vtensor<[1,2,4,3],f32>
  return %2 : !torch.vtensor<[1,2,4,3],f32>
}
