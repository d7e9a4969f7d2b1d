// RUN: dyadic-opt -p sink-slices %s | filecheck %s

// One row of the result is read: the layer, the addition and the norm see that row alone; q is sliced, k and v are not.
// CHECK-LABEL: func.func @the_last_block_computes_one_row
// CHECK:         %[[K:.+]] = "qd.linear"(%arg0,
// CHECK:         %[[S:.+]] = "qd.slice"(%arg0) {{.*}} -> tensor<1x1x2xf32>
// CHECK-NEXT:    %[[Q:.+]] = "qd.linear"(%[[S]],
// CHECK-NEXT:    %[[A:.+]] = "qd.attention"(%[[Q]], %[[K]], %[[K]], {{.*}} -> tensor<1x1x2xf32>
// CHECK:         %[[T:.+]] = "qd.slice"(%arg0) {{.*}} -> tensor<1x1x2xf32>
// CHECK-NEXT:    %[[X:.+]] = "qd.add"(%[[T]], %[[A]])
// CHECK-NEXT:    %[[N:.+]] = "qd.layer_norm"(%[[X]], {{.*}} -> tensor<1x1x2xf32>
// CHECK-NEXT:    return %[[N]]
func.func @the_last_block_computes_one_row(%x: tensor<1x3x2xf32>, %w: tensor<2x2xf32>, %b: tensor<2xf32>) -> tensor<1x1x2xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %one = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %k = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %q = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %a = "qd.attention"(%q, %k, %k, %zero, %one) {scale = 0.5 : f32} : (tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x3x2xf32>
  %s = "qd.add"(%x, %a) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %n = "qd.layer_norm"(%s, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %c = "qd.slice"(%n) {starts = array<i64: 0, 1, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x3x2xf32>) -> tensor<1x1x2xf32>
  return %c : tensor<1x1x2xf32>
}

// CHECK-LABEL: func.func @constants_are_sliced_and_heads_move
// CHECK:         %[[S:.+]] = "qd.slice"(%arg0) {{.*}} -> tensor<1x1x4xf32>
// CHECK:         %[[P:.+]] = "qd.constant"() {value = dense<2.000000e+00> : tensor<1x1x4xf32>
// CHECK:         %[[A:.+]] = "qd.add"(%[[S]], %[[P]])
// CHECK:         %[[R:.+]] = "qd.reshape"(%[[A]]) {{.*}} -> tensor<1x1x2x2xf32>
// CHECK-NEXT:    %[[T:.+]] = "qd.transpose"(%[[R]]) {{.*}} -> tensor<1x2x1x2xf32>
// CHECK-NEXT:    "qd.layer_norm"(%[[T]],
func.func @constants_are_sliced_and_heads_move(%x: tensor<1x3x4xf32>, %b: tensor<2xf32>) -> tensor<1x2x1x2xf32> {
  %p = "qd.constant"() {value = dense<[[[1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0], [3.0, 3.0, 3.0, 3.0]]]> : tensor<1x3x4xf32>} : () -> tensor<1x3x4xf32>
  %a = "qd.add"(%x, %p) : (tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  %r = "qd.reshape"(%a) : (tensor<1x3x4xf32>) -> tensor<1x3x2x2xf32>
  %t = "qd.transpose"(%r) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x3x2x2xf32>) -> tensor<1x2x3x2xf32>
  %n = "qd.layer_norm"(%t, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x2x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3x2xf32>
  %c = "qd.slice"(%n) {starts = array<i64: 0, 0, 1, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x2x3x2xf32>) -> tensor<1x2x1x2xf32>
  return %c : tensor<1x2x1x2xf32>
}

// CHECK-LABEL: func.func @what_others_read_stays_whole
// CHECK:         %[[N:.+]] = "qd.layer_norm"(%arg0,
// CHECK-NEXT:    "qd.slice"(%[[N]])
func.func @what_others_read_stays_whole(%x: tensor<1x3x2xf32>, %b: tensor<2xf32>) -> (tensor<1x1x2xf32>, tensor<1x3x2xf32>) {
  %n = "qd.layer_norm"(%x, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %c = "qd.slice"(%n) {starts = array<i64: 0, 1, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x3x2xf32>) -> tensor<1x1x2xf32>
  return %c, %n : tensor<1x1x2xf32>, tensor<1x3x2xf32>
}

// CHECK-LABEL: func.func @half_of_a_row_needs_all_of_it
// CHECK:         %[[N:.+]] = "qd.layer_norm"(%arg0,
// CHECK-NEXT:    "qd.slice"(%[[N]])
func.func @half_of_a_row_needs_all_of_it(%x: tensor<1x3x2xf32>, %b: tensor<2xf32>) -> tensor<1x3x1xf32> {
  %n = "qd.layer_norm"(%x, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %c = "qd.slice"(%n) {starts = array<i64: 0, 0, 1>, steps = array<i64: 1, 1, 1>} : (tensor<1x3x2xf32>) -> tensor<1x3x1xf32>
  return %c : tensor<1x3x1xf32>
}

// A clamp that rounds stays behind what it rounds the result of.
// CHECK-LABEL: func.func @what_is_rounded_is_not_taken_apart
// CHECK:         %[[M:.+]] = "qd.reduce_max"(%arg0)
// CHECK-NEXT:    %[[C:.+]] = "qd.clamp"(%[[M]])
// CHECK-NEXT:    "qd.slice"(%[[C]])
func.func @what_is_rounded_is_not_taken_apart(%x: tensor<1x3x4x2xf32>, %b: tensor<2xf32>) -> tensor<1x1x2xf32> {
  %m = "qd.reduce_max"(%x) {axes = array<i64: 2>, keep = false} : (tensor<1x3x4x2xf32>) -> tensor<1x3x2xf32>
  %r = "qd.clamp"(%m) {low = -1.5 : f32, high = 126.0 : f32, qd.given = array<f64: 0.5, 3.0, 8.0>} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %c = "qd.slice"(%r) {starts = array<i64: 0, 1, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x3x2xf32>) -> tensor<1x1x2xf32>
  %n = "qd.layer_norm"(%c, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x1x2xf32>
  return %n : tensor<1x1x2xf32>
}

// CHECK-LABEL: func.func @rows_of_scores_and_of_shifts
// CHECK:         %[[A:.+]] = "qd.slice"(%arg0)
// CHECK-NEXT:    %[[M:.+]] = "qd.matmul"(%[[A]], %arg1) : (tensor<1x1x2xf32>, tensor<1x2x4xf32>) -> tensor<1x1x4xf32>
// CHECK-NEXT:    %[[S:.+]] = "qd.softmax"(%[[M]]) {axis = 2 : i64} : (tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
// CHECK-NEXT:    %[[T:.+]] = "qd.scale_shift"(%[[S]], %[[B:.+]], %[[B]]) {axis = 2 : i64} : (tensor<1x1x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x1x4xf32>
// CHECK-NEXT:    "qd.layer_norm"(%[[T]]
func.func @rows_of_scores_and_of_shifts(%x: tensor<1x3x2xf32>, %y: tensor<1x2x4xf32>) -> tensor<1x1x4xf32> {
  %b = "qd.constant"() {value = dense<[0.5, 1.0, 2.0, -1.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %m = "qd.matmul"(%x, %y) : (tensor<1x3x2xf32>, tensor<1x2x4xf32>) -> tensor<1x3x4xf32>
  %s = "qd.softmax"(%m) {axis = 2 : i64} : (tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  %t = "qd.scale_shift"(%s, %b, %b) {axis = 2 : i64} : (tensor<1x3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %c = "qd.slice"(%t) {starts = array<i64: 0, 1, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x3x4xf32>) -> tensor<1x1x4xf32>
  %n = "qd.layer_norm"(%c, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x1x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x1x4xf32>
  return %n : tensor<1x1x4xf32>
}
