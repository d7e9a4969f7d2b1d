// RUN: not dyadic-opt --split-input-file %s | filecheck %s

// One broken use of every op: what is said names the user's layer, what is wrong, and what was seen.

// CHECK: error: "/constant_without_a_value": 'qd.constant' op attribute "value" is expected but not provided
func.func @constant_without_a_value() {
  %r = "qd.constant"() : () -> tensor<2xf32> loc("/constant_without_a_value")
  return
}

// -----

// CHECK: error: "/conv2d_of_the_wrong_channels": 'qd.conv2d' op channels do not fit: x [1, 4, 6, 6], weight [3, 2, 3, 3], bias [3], groups 1, result [1, 3, 4, 4]
func.func @conv2d_of_the_wrong_channels(%a: tensor<1x4x6x6xf32>, %b: tensor<3x2x3x3xf32>, %c: tensor<3xf32>) {
  %r = "qd.conv2d"(%a, %b, %c) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x4x6x6xf32>, tensor<3x2x3x3xf32>, tensor<3xf32>) -> tensor<1x3x4x4xf32> loc("/conv2d_of_the_wrong_channels")
  return
}

// -----

// CHECK: error: "/linear_of_the_wrong_width": 'qd.linear' op shapes do not fit: x [1, 5], weight [3, 4], bias [3], result [1, 3]
func.func @linear_of_the_wrong_width(%a: tensor<1x5xf32>, %b: tensor<3x4xf32>, %c: tensor<3xf32>) {
  %r = "qd.linear"(%a, %b, %c) : (tensor<1x5xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x3xf32> loc("/linear_of_the_wrong_width")
  return
}

// -----

// CHECK: error: "/scale_shift_of_too_few_scales": 'qd.scale_shift' op needs one scale and one shift per entry of axis 1 of [1, 4, 2, 2], got [3] and [3]
func.func @scale_shift_of_too_few_scales(%a: tensor<1x4x2x2xf32>, %b: tensor<3xf32>, %c: tensor<3xf32>) {
  %r = "qd.scale_shift"(%a, %b, %c) {axis = 1 : i64} : (tensor<1x4x2x2xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x4x2x2xf32> loc("/scale_shift_of_too_few_scales")
  return
}

// -----

// CHECK: error: "/add_of_shapes_that_do_not_broadcast": 'qd.add' op [1, 4] and [1, 3] do not broadcast to [1, 4]
func.func @add_of_shapes_that_do_not_broadcast(%a: tensor<1x4xf32>, %b: tensor<1x3xf32>) {
  %r = "qd.add"(%a, %b) : (tensor<1x4xf32>, tensor<1x3xf32>) -> tensor<1x4xf32> loc("/add_of_shapes_that_do_not_broadcast")
  return
}

// -----

// CHECK: error: "/sub_of_shapes_that_do_not_broadcast": 'qd.sub' op [1, 4] and [1, 3] do not broadcast to [1, 4]
func.func @sub_of_shapes_that_do_not_broadcast(%a: tensor<1x4xf32>, %b: tensor<1x3xf32>) {
  %r = "qd.sub"(%a, %b) : (tensor<1x4xf32>, tensor<1x3xf32>) -> tensor<1x4xf32> loc("/sub_of_shapes_that_do_not_broadcast")
  return
}

// -----

// CHECK: error: "/mul_into_another_shape": 'qd.mul' op [1, 4] and [1, 1] do not broadcast to [1, 5]
func.func @mul_into_another_shape(%a: tensor<1x4xf32>, %b: tensor<1x1xf32>) {
  %r = "qd.mul"(%a, %b) : (tensor<1x4xf32>, tensor<1x1xf32>) -> tensor<1x5xf32> loc("/mul_into_another_shape")
  return
}

// -----

// CHECK: error: "/concat_of_too_little": 'qd.concat' op inputs [1, 4] and [1, 3] do not make [1, 8] along axis 1
func.func @concat_of_too_little(%a: tensor<1x4xf32>, %b: tensor<1x3xf32>) {
  %r = "qd.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x4xf32>, tensor<1x3xf32>) -> tensor<1x8xf32> loc("/concat_of_too_little")
  return
}

// -----

// CHECK: error: "/pad_to_another_size": 'qd.pad' op [1, 4] padded by [0, 1] and [0, 1] is [1, 6], not [1, 5]
func.func @pad_to_another_size(%a: tensor<1x4xf32>) {
  %r = "qd.pad"(%a) {high = array<i64: 0, 1>, low = array<i64: 0, 1>, value = 0.0 : f32} : (tensor<1x4xf32>) -> tensor<1x5xf32> loc("/pad_to_another_size")
  return
}

// -----

// CHECK: error: "/max_pool_beyond_its_input": 'qd.max_pool' op result is 5 along spatial dimension 0, the windows make 2
func.func @max_pool_beyond_its_input(%a: tensor<1x2x6x6xf32>) {
  %r = "qd.max_pool"(%a) {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x5x3xf32> loc("/max_pool_beyond_its_input")
  return
}

// -----

// CHECK: error: "/avg_pool_of_a_window_too_large": 'qd.avg_pool' op window [3, 3] is larger than the padded input [2, 6]
func.func @avg_pool_of_a_window_too_large(%a: tensor<1x2x2x6xf32>) {
  %r = "qd.avg_pool"(%a) {count_include_pad = false, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x2x2x6xf32>) -> tensor<1x2x1x2xf32> loc("/avg_pool_of_a_window_too_large")
  return
}

// -----

// CHECK: error: "/reduce_mean_over_the_batch": 'qd.reduce_mean' op axes [0, 2] must be sorted dimensions of [1, 2, 6, 6], the batch not among them
func.func @reduce_mean_over_the_batch(%a: tensor<1x2x6x6xf32>) {
  %r = "qd.reduce_mean"(%a) {axes = array<i64: 0, 2>, keep = false} : (tensor<1x2x6x6xf32>) -> tensor<2x6xf32> loc("/reduce_mean_over_the_batch")
  return
}

// -----

// CHECK: error: "/clamp_with_low_above_high": 'qd.clamp' op low 1.0 must not exceed high 0.0
func.func @clamp_with_low_above_high(%a: tensor<1x4xf32>) {
  %r = "qd.clamp"(%a) {high = 0.0 : f32, low = 1.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("/clamp_with_low_above_high")
  return
}

// -----

// CHECK: error: "/sigmoid_into_another_shape": 'qd.sigmoid' op makes [1, 5] of [1, 4]
func.func @sigmoid_into_another_shape(%a: tensor<1x4xf32>) {
  %r = "qd.sigmoid"(%a) : (tensor<1x4xf32>) -> tensor<1x5xf32> loc("/sigmoid_into_another_shape")
  return
}

// -----

// CHECK: error: "/tanh_into_another_shape": 'qd.tanh' op makes [1, 5] of [1, 4]
func.func @tanh_into_another_shape(%a: tensor<1x4xf32>) {
  %r = "qd.tanh"(%a) : (tensor<1x4xf32>) -> tensor<1x5xf32> loc("/tanh_into_another_shape")
  return
}

// -----

// CHECK: error: "/silu_into_another_shape": 'qd.silu' op makes [1, 5] of [1, 4]
func.func @silu_into_another_shape(%a: tensor<1x4xf32>) {
  %r = "qd.silu"(%a) : (tensor<1x4xf32>) -> tensor<1x5xf32> loc("/silu_into_another_shape")
  return
}

// -----

// CHECK: error: "/hard_swish_into_another_shape": 'qd.hard_swish' op makes [1, 5] of [1, 4]
func.func @hard_swish_into_another_shape(%a: tensor<1x4xf32>) {
  %r = "qd.hard_swish"(%a) : (tensor<1x4xf32>) -> tensor<1x5xf32> loc("/hard_swish_into_another_shape")
  return
}

// -----

// CHECK: error: "/hard_sigmoid_without_alpha": 'qd.hard_sigmoid' op attribute "alpha" is expected but not provided
func.func @hard_sigmoid_without_alpha(%a: tensor<1x4xf32>) {
  %r = "qd.hard_sigmoid"(%a) {beta = 0.5 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("/hard_sigmoid_without_alpha")
  return
}

// -----

// CHECK: error: "/leaky_relu_without_alpha": 'qd.leaky_relu' op attribute "alpha" is expected but not provided
func.func @leaky_relu_without_alpha(%a: tensor<1x4xf32>) {
  %r = "qd.leaky_relu"(%a) : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("/leaky_relu_without_alpha")
  return
}

// -----

// CHECK: error: "/reshape_of_too_many": 'qd.reshape' op [1, 4] and [1, 5] do not hold the same number of elements
func.func @reshape_of_too_many(%a: tensor<1x4xf32>) {
  %r = "qd.reshape"(%a) : (tensor<1x4xf32>) -> tensor<1x5xf32> loc("/reshape_of_too_many")
  return
}

// -----

// CHECK: error: "/transpose_of_the_batch": 'qd.transpose' op permutation [1, 0, 2] does not take [1, 4, 2] to [4, 1, 2] with the batch in place
func.func @transpose_of_the_batch(%a: tensor<1x4x2xf32>) {
  %r = "qd.transpose"(%a) {permutation = array<i64: 1, 0, 2>} : (tensor<1x4x2xf32>) -> tensor<4x1x2xf32> loc("/transpose_of_the_batch")
  return
}

// -----

// CHECK: error: "/slice_beyond_the_end": 'qd.slice' op starts [0, 1], steps [1, 2] leave [1, 4]
func.func @slice_beyond_the_end(%a: tensor<1x4xf32>) {
  %r = "qd.slice"(%a) {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>} : (tensor<1x4xf32>) -> tensor<1x3xf32> loc("/slice_beyond_the_end")
  return
}

// -----

// CHECK: error: "/repeat_of_the_batch": 'qd.repeat' op [1, 4] repeated [2, 1] times does not make [2, 4] with the batch as it is
func.func @repeat_of_the_batch(%a: tensor<1x4xf32>) {
  %r = "qd.repeat"(%a) {times = array<i64: 2, 1>} : (tensor<1x4xf32>) -> tensor<2x4xf32> loc("/repeat_of_the_batch")
  return
}

// -----

// CHECK: error: "/take_beyond_the_end": 'qd.take' op its places leave axis 1 of [1, 4]
func.func @take_beyond_the_end(%a: tensor<1x4xf32>) {
  %r = "qd.take"(%a) {axis = 1 : i64, places = array<i64: 0, 4>} : (tensor<1x4xf32>) -> tensor<1x2xf32> loc("/take_beyond_the_end")
  return
}

// -----

// CHECK: error: "/interpolate_too_far": 'qd.interpolate' op its shares must lie in [0, 1], got [0, 1.5]
func.func @interpolate_too_far(%x: tensor<1x2x6x6xf32>) {
  %r = "qd.interpolate"(%x) {column_shares = array<f64: 0.0, 1.5>, columns = array<i64: 0, 4>, row_shares = array<f64: 1.0>, rows = array<i64: 5>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x1x2xf32> loc("/interpolate_too_far")
  return
}

// -----

// CHECK: error: "/arg_max_of_images": 'qd.arg_max' op the axis 0 must be a dimension of [1, 4], and not the batch
func.func @arg_max_of_images(%a: tensor<1x4xf32>) {
  %r = "qd.arg_max"(%a) {axis = 0 : i64, last = false, smallest = false} : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("/arg_max_of_images")
  return
}

// -----

// CHECK: error: "/top_five_of_four": 'qd.top_k' op 5 of the 4 entries of axis 1 of [1, 4]
func.func @top_five_of_four(%a: tensor<1x4xf32>) {
  %r = "qd.top_k"(%a) {axis = 1 : i64, count = 5 : i64, places = false, smallest = false} : (tensor<1x4xf32>) -> tensor<1x5xf32> loc("/top_five_of_four")
  return
}
