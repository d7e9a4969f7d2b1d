// RUN: dyadic-opt -p narrow-stream-reads %s | filecheck %s

// Post-normalization: what a norm makes is added later, and two layers read it.
// CHECK-LABEL: func.func @layers_share_a_copy_of_what_is_added_later
// CHECK:         %[[N:.+]] = "qd.layer_norm"
// CHECK-NEXT:    %[[C:.+]] = "qd.clamp"(%[[N]]) {high = 0x7F800000 : f32, low = 0xFF800000 : f32}
// CHECK-NEXT:    "qd.linear"(%[[C]],
// CHECK-NEXT:    %[[V:.+]] = "qd.linear"(%[[C]],
// CHECK:         "qd.add"(%[[N]], %[[V]])
func.func @layers_share_a_copy_of_what_is_added_later(%x: tensor<1x3x2xf32>, %w: tensor<2x2xf32>, %b: tensor<2xf32>) -> (tensor<1x3x2xf32>, tensor<1x3x2xf32>) {
  %n = "qd.layer_norm"(%x, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %u = "qd.linear"(%n, %w, %b) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %v = "qd.linear"(%n, %w, %b) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %a = "qd.add"(%n, %v) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %m = "qd.rms_norm"(%a, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  return %m, %u : tensor<1x3x2xf32>, tensor<1x3x2xf32>
}

// Pre-normalization: the norm's result is read by layers alone and is rounded for them at once.
// CHECK-LABEL: func.func @what_layers_alone_read_stays
// CHECK-NOT:     "qd.clamp"
func.func @what_layers_alone_read_stays(%x: tensor<1x3x2xf32>, %w: tensor<2x2xf32>, %b: tensor<2xf32>) -> tensor<1x3x2xf32> {
  %n = "qd.layer_norm"(%x, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %u = "qd.linear"(%n, %w, %b) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %a = "qd.add"(%x, %u) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %m = "qd.layer_norm"(%a, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  return %m : tensor<1x3x2xf32>
}

// CHECK-LABEL: func.func @a_move_for_layers_alone_moves_the_copy
// CHECK:         %[[C:.+]] = "qd.clamp"(%arg0)
// CHECK-NEXT:    %[[T:.+]] = "qd.transpose"(%[[C]])
// CHECK-NEXT:    "qd.linear"(%[[T]],
// CHECK-NEXT:    "qd.layer_norm"(%arg0,
func.func @a_move_for_layers_alone_moves_the_copy(%x: tensor<1x2x2xf32>, %w: tensor<2x2xf32>, %b: tensor<2xf32>) -> (tensor<1x2x2xf32>, tensor<1x2x2xf32>) {
  %t = "qd.transpose"(%x) {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  %u = "qd.linear"(%t, %w, %b) : (tensor<1x2x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2x2xf32>
  %n = "qd.layer_norm"(%x, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2xf32>
  return %n, %u : tensor<1x2x2xf32>, tensor<1x2x2xf32>
}

// CHECK-LABEL: func.func @without_norms_there_is_no_stream
// CHECK-NOT:     "qd.clamp"
func.func @without_norms_there_is_no_stream(%x: tensor<1x3x2xf32>, %w: tensor<2x2xf32>, %b: tensor<2xf32>) -> tensor<1x3x2xf32> {
  %u = "qd.linear"(%x, %w, %b) : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %a = "qd.add"(%x, %u) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %a : tensor<1x3x2xf32>
}
