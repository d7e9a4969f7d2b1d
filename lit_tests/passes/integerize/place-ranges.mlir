// RUN: dyadic-opt -p place-ranges %s | filecheck %s

// CHECK-LABEL: func.func @moves_keep_the_range_of_their_input
// CHECK:         "qd.max_pool"({{.*}}) {{.*}}qd.range = array<f64: -1.000000e+00, 2.000000e+00>
// CHECK-NEXT:    "qd.reshape"({{.*}}) {{.*}}qd.range = array<f64: -1.000000e+00, 2.000000e+00>
func.func @moves_keep_the_range_of_their_input(%x: tensor<1x2x4x4xf32> {qd.range = array<f64: -1.0, 2.0>}) -> tensor<1x8xf32> {
  %0 = "qd.max_pool"(%x) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, qd.range = array<f64: 0.0, 2.0>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32>
  %1 = "qd.reshape"(%0) : (tensor<1x2x2x2xf32>) -> tensor<1x8xf32>
  return %1 : tensor<1x8xf32>
}

// Both producers are read by the concat alone, one of them through a move: they take its range.
// CHECK-LABEL: func.func @producers_take_the_range_of_their_concat
// CHECK:         "qd.sigmoid"({{.*}}) {qd.range = array<f64: 0.000000e+00, 9.000000e+00>}
// CHECK-NEXT:    "qd.tanh"({{.*}}) {qd.range = array<f64: 0.000000e+00, 9.000000e+00>}
// CHECK-NEXT:    "qd.slice"({{.*}}) {qd.range = array<f64: 0.000000e+00, 9.000000e+00>
// CHECK-NEXT:    "qd.concat"
func.func @producers_take_the_range_of_their_concat(%x: tensor<1x4xf32> {qd.range = array<f64: -1.0, 2.0>}) -> tensor<1x6xf32> {
  %0 = "qd.sigmoid"(%x) {qd.range = array<f64: 0.0, 1.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.tanh"(%x) {qd.range = array<f64: -1.0, 1.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = "qd.slice"(%1) {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>} : (tensor<1x4xf32>) -> tensor<1x2xf32>
  %3 = "qd.concat"(%0, %2) {axis = 1 : i64, qd.range = array<f64: 0.0, 9.0>} : (tensor<1x4xf32>, tensor<1x2xf32>) -> tensor<1x6xf32>
  %4 = "qd.clamp"(%3) {low = 0.0 : f32, high = 0x7F800000 : f32, qd.range = array<f64: 0.0, 9.0>} : (tensor<1x6xf32>) -> tensor<1x6xf32>
  return %4 : tensor<1x6xf32>
}

// The tensor that something else reads too keeps its own steps and is rescaled on the way.
// CHECK-LABEL: func.func @a_shared_tensor_is_rescaled_for_the_concat
// CHECK:         %[[T:.+]] = "qd.tanh"({{.*}}) {qd.range = array<f64: -1.000000e+00, 1.000000e+00>}
// CHECK:         %[[SAME:.+]] = "qd.clamp"(%[[T]]) {high = 0x7F800000 : f32, low = 0xFF800000 : f32, qd.range = array<f64: -1.000000e+00, 9.000000e+00>}
// CHECK-NEXT:    "qd.concat"(%[[SAME]],
func.func @a_shared_tensor_is_rescaled_for_the_concat(%x: tensor<1x4xf32> {qd.range = array<f64: -1.0, 9.0>}) -> (tensor<1x8xf32>, tensor<1x4xf32>) {
  %0 = "qd.tanh"(%x) {qd.range = array<f64: -1.0, 1.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.concat"(%0, %x) {axis = 1 : i64, qd.range = array<f64: -1.0, 9.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
  %2 = "qd.clamp"(%1) {low = 0.0 : f32, high = 0x7F800000 : f32, qd.range = array<f64: 0.0, 9.0>} : (tensor<1x8xf32>) -> tensor<1x8xf32>
  return %2, %0 : tensor<1x8xf32>, tensor<1x4xf32>
}

// CHECK-LABEL: func.func @a_chain_of_concats_has_one_range
// CHECK:         "qd.sigmoid"({{.*}}) {qd.range = array<f64: -3.000000e+00, 9.000000e+00>}
// CHECK-NEXT:    "qd.tanh"({{.*}}) {qd.range = array<f64: -3.000000e+00, 9.000000e+00>}
// CHECK-NEXT:    "qd.concat"({{.*}}) {axis = 1 : i64, qd.range = array<f64: -3.000000e+00, 9.000000e+00>}
func.func @a_chain_of_concats_has_one_range(%x: tensor<1x4xf32> {qd.range = array<f64: -3.0, 9.0>}) -> tensor<1x12xf32> {
  %0 = "qd.sigmoid"(%x) {qd.range = array<f64: 0.0, 1.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.tanh"(%x) {qd.range = array<f64: -1.0, 1.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = "qd.concat"(%0, %1) {axis = 1 : i64, qd.range = array<f64: -1.0, 1.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
  %3 = "qd.concat"(%2, %x) {axis = 1 : i64, qd.range = array<f64: -3.0, 9.0>} : (tensor<1x8xf32>, tensor<1x4xf32>) -> tensor<1x12xf32>
  %4 = "qd.clamp"(%3) {low = 0.0 : f32, high = 0x7F800000 : f32, qd.range = array<f64: 0.0, 9.0>} : (tensor<1x12xf32>) -> tensor<1x12xf32>
  return %4 : tensor<1x12xf32>
}

// A result is as many tensors as it is joined from, whoever else reads them; a constant is no such part.
// CHECK-LABEL: func.func @parts_of_a_result_keep_their_ranges
// CHECK:         "qd.sigmoid"({{.*}}) {qd.range = array<f64: 0.000000e+00, 1.000000e+00>}
// CHECK-NEXT:    "qd.tanh"({{.*}}) {qd.range = array<f64: -2.000000e+00, 9.000000e+00>}
// CHECK-NOT:     "qd.clamp"
// CHECK:         return
func.func @parts_of_a_result_keep_their_ranges(%x: tensor<1x4xf32> {qd.range = array<f64: -3.0, 9.0>}) -> (tensor<1x14xf32>, tensor<1x4xf32>) {
  %c = "qd.constant"() {value = dense<-2.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %0 = "qd.sigmoid"(%x) {qd.range = array<f64: 0.0, 1.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.tanh"(%x) {qd.range = array<f64: -1.0, 9.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = "qd.concat"(%1, %c) {axis = 1 : i64, qd.range = array<f64: -2.0, 9.0>} : (tensor<1x4xf32>, tensor<1x2xf32>) -> tensor<1x6xf32>
  %3 = "qd.concat"(%0, %x) {axis = 1 : i64, qd.range = array<f64: -3.0, 9.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
  %4 = "qd.concat"(%3, %2) {axis = 1 : i64, qd.range = array<f64: -3.0, 9.0>} : (tensor<1x8xf32>, tensor<1x6xf32>) -> tensor<1x14xf32>
  return %4, %0 : tensor<1x14xf32>, tensor<1x4xf32>
}

// CHECK-LABEL: func.func @a_table_spends_no_steps_on_what_it_flattens
// CHECK:         "qd.add"({{.*}}) {qd.range = array<f64: -3.000000e+00, 3.000000e+01>}
func.func @a_table_spends_no_steps_on_what_it_flattens(%x: tensor<1x4xf32> {qd.range = array<f64: -10.0, 15.0>}) -> tensor<1x4xf32> {
  %0 = "qd.add"(%x, %x) {qd.range = array<f64: -20.0, 30.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.hard_swish"(%0) {qd.range = array<f64: -0.4, 30.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @a_padded_value_outside_the_range_widens_it
// CHECK:         "qd.add"({{.*}}) {qd.range = array<f64: 0.000000e+00, 5.000000e+00>}
// CHECK-NEXT:    "qd.pad"({{.*}}) {{.*}}qd.range = array<f64: 0.000000e+00, 5.000000e+00>
func.func @a_padded_value_outside_the_range_widens_it(%x: tensor<1x4xf32> {qd.range = array<f64: 0.0, 1.0>}) -> tensor<1x5xf32> {
  %0 = "qd.add"(%x, %x) {qd.range = array<f64: 0.0, 2.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = "qd.pad"(%0) {low = array<i64: 0, 1>, high = array<i64: 0, 0>, value = 5.0 : f32} : (tensor<1x4xf32>) -> tensor<1x5xf32>
  return %1 : tensor<1x5xf32>
}

// CHECK-LABEL: func.func @ranges_that_agree_stay
// CHECK-NEXT:    "qd.add"({{.*}}) {qd.range = array<f64: 0.000000e+00, 2.000000e+00>}
// CHECK-NEXT:    return
func.func @ranges_that_agree_stay(%x: tensor<1x4xf32> {qd.range = array<f64: 0.0, 1.0>}) -> tensor<1x4xf32> {
  %0 = "qd.add"(%x, %x) {qd.range = array<f64: 0.0, 2.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}
