// RUN: dyadic-opt %s | dyadic-opt | filecheck %s

// CHECK-LABEL: func.func @every_op_survives_a_round_trip
func.func @every_op_survives_a_round_trip(%x: tensor<1x2x6x6xf32>, %y: tensor<1x2x1x1xf32>, %z: tensor<1x1x6x6xf32>, %m: tensor<1x4xf32>, %w4: tensor<3x2x3x3xf32>, %w2: tensor<3x4xf32>, %v2: tensor<2xf32>, %v3: tensor<3xf32>, %s: tensor<1x3x2xf32>, %u: tensor<1x2x3xf32>, %n: tensor<1xf32>, %k: tensor<1x1x3xf32>, %ids: tensor<1x3xi32>) {
  // CHECK: "qd.constant"({{.*}}) {value = dense<[5.000000e-01, -1.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
  %r0 = "qd.constant"() {value = dense<[5.000000e-01, -1.000000e+00]> : tensor<2xf32>} : () -> tensor<2xf32>
  // CHECK: "qd.conv2d"({{.*}}) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>} : (tensor<1x2x6x6xf32>, tensor<3x2x3x3xf32>, tensor<3xf32>) -> tensor<1x3x3x3xf32>
  %r1 = "qd.conv2d"(%x, %w4, %v3) {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>} : (tensor<1x2x6x6xf32>, tensor<3x2x3x3xf32>, tensor<3xf32>) -> tensor<1x3x3x3xf32>
  // CHECK: "qd.linear"({{.*}}) : (tensor<1x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  %r2 = "qd.linear"(%m, %w2, %v3) : (tensor<1x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  // CHECK: "qd.scale_shift"({{.*}}) {axis = 1 : i64} : (tensor<1x2x6x6xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x6x6xf32>
  %r3 = "qd.scale_shift"(%x, %v2, %v2) {axis = 1 : i64} : (tensor<1x2x6x6xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x6x6xf32>
  // CHECK: "qd.add"({{.*}}) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  %r4 = "qd.add"(%x, %y) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  // CHECK: "qd.sub"({{.*}}) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  %r5 = "qd.sub"(%x, %y) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  // CHECK: "qd.div"({{.*}}) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  %quotient = "qd.div"(%x, %y) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  // CHECK: "qd.mul"({{.*}}) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  %r6 = "qd.mul"(%x, %y) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  // CHECK: "qd.concat"({{.*}}) {axis = 1 : i64} : (tensor<1x2x6x6xf32>, tensor<1x1x6x6xf32>) -> tensor<1x3x6x6xf32>
  %r7 = "qd.concat"(%x, %z) {axis = 1 : i64} : (tensor<1x2x6x6xf32>, tensor<1x1x6x6xf32>) -> tensor<1x3x6x6xf32>
  // CHECK: "qd.pad"({{.*}}) {high = array<i64: 0, 0, 1, -1>, low = array<i64: 0, 0, 0, 2>, value = 0.000000e+00 : f32} : (tensor<1x2x6x6xf32>) -> tensor<1x2x7x7xf32>
  %r8 = "qd.pad"(%x) {high = array<i64: 0, 0, 1, -1>, low = array<i64: 0, 0, 0, 2>, value = 0.000000e+00 : f32} : (tensor<1x2x6x6xf32>) -> tensor<1x2x7x7xf32>
  // CHECK: "qd.max_pool"({{.*}}) {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x3x3xf32>
  %r9 = "qd.max_pool"(%x) {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x3x3xf32>
  // CHECK: "qd.avg_pool"({{.*}}) {count_include_pad = false, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x2x2xf32>
  %r10 = "qd.avg_pool"(%x) {count_include_pad = false, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x2x2xf32>
  // CHECK: "qd.reduce_mean"({{.*}}) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x2x6x6xf32>) -> tensor<1x2x1x1xf32>
  %r11 = "qd.reduce_mean"(%x) {axes = array<i64: 2, 3>, keep = true} : (tensor<1x2x6x6xf32>) -> tensor<1x2x1x1xf32>
  // CHECK: "qd.clamp"({{.*}}) {high = 0x7F800000 : f32, low = 0.000000e+00 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r12 = "qd.clamp"(%m) {high = 0x7F800000 : f32, low = 0.000000e+00 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.sigmoid"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r13 = "qd.sigmoid"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.tanh"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r14 = "qd.tanh"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.silu"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r15 = "qd.silu"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.hard_sigmoid"({{.*}}) {alpha = 2.000000e-01 : f32, beta = 5.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r16 = "qd.hard_sigmoid"(%m) {alpha = 2.000000e-01 : f32, beta = 5.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.hard_swish"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r17 = "qd.hard_swish"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.leaky_relu"({{.*}}) {alpha = 1.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r18 = "qd.leaky_relu"(%m) {alpha = 1.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.reshape"({{.*}}) : (tensor<1x2x6x6xf32>) -> tensor<1x72xf32>
  %r19 = "qd.reshape"(%x) : (tensor<1x2x6x6xf32>) -> tensor<1x72xf32>
  // CHECK: "qd.transpose"({{.*}}) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x6x6xf32>) -> tensor<1x6x6x2xf32>
  %r20 = "qd.transpose"(%x) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x6x6xf32>) -> tensor<1x6x6x2xf32>
  // CHECK: "qd.slice"({{.*}}) {starts = array<i64: 0, 0, 1, 0>, steps = array<i64: 1, 1, 2, 3>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x3x2xf32>
  %r21 = "qd.slice"(%x) {starts = array<i64: 0, 0, 1, 0>, steps = array<i64: 1, 1, 2, 3>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x3x2xf32>
  // CHECK: "qd.gelu"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r22 = "qd.gelu"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.gelu_tanh"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r23 = "qd.gelu_tanh"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.layer_norm"({{.*}}) {epsilon = 6.250000e-02 : f64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %r24 = "qd.layer_norm"(%s, %v2, %v2) {epsilon = 6.250000e-02 : f64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  // CHECK: "qd.rms_norm"({{.*}}) {epsilon = 6.250000e-02 : f64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %r25 = "qd.rms_norm"(%s, %v2, %v2) {epsilon = 6.250000e-02 : f64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  // CHECK: "qd.matmul"({{.*}}) : (tensor<1x3x2xf32>, tensor<1x2x3xf32>) -> tensor<1x3x3xf32>
  %r26 = "qd.matmul"(%s, %u) : (tensor<1x3x2xf32>, tensor<1x2x3xf32>) -> tensor<1x3x3xf32>
  // CHECK: "qd.attention"({{.*}}) {scale = 1.250000e-01 : f64} : (tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1xf32>, tensor<1x1x3xf32>) -> tensor<1x3x2xf32>
  %r27 = "qd.attention"(%s, %s, %s, %n, %k) {scale = 1.250000e-01 : f64} : (tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1xf32>, tensor<1x1x3xf32>) -> tensor<1x3x2xf32>
  %rr = "qd.constant"() {value = dense<5.000000e-01> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %h0 = "qd.constant"() {value = dense<0.000000e+00> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  // CHECK: "qd.recurrence"({{.*}}) {cell = false, kind = "tanh", reverse = true} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x3x2xf32>
  %r60 = "qd.recurrence"(%s, %rr, %v2, %h0, %h0) {cell = false, kind = "tanh", reverse = true} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x3x2xf32>
  // CHECK: "qd.embedding"({{.*}}) : (tensor<1x3xi32>, tensor<3x4xf32>) -> tensor<1x3x4xf32>
  %r28 = "qd.embedding"(%ids, %w2) : (tensor<1x3xi32>, tensor<3x4xf32>) -> tensor<1x3x4xf32>
  // CHECK: "qd.softmax"({{.*}}) {axis = 2 : i64} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %r29 = "qd.softmax"(%s) {axis = 2 : i64} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  // CHECK: "qd.log_softmax"({{.*}}) {axis = 2 : i64} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %r92 = "qd.log_softmax"(%s) {axis = 2 : i64} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  // CHECK: "qd.arg_max"({{.*}}) {axis = 1 : i64, last = true, smallest = false} : (tensor<1x3x2xf32>) -> tensor<1x1x2xf32>
  %r93 = "qd.arg_max"(%s) {axis = 1 : i64, last = true, smallest = false} : (tensor<1x3x2xf32>) -> tensor<1x1x2xf32>
  // CHECK: "qd.top_k"({{.*}}) {axis = 1 : i64, count = 2 : i64, places = true, smallest = true} : (tensor<1x3x2xf32>) -> tensor<1x2x2xf32>
  %r94 = "qd.top_k"(%s) {axis = 1 : i64, count = 2 : i64, places = true, smallest = true} : (tensor<1x3x2xf32>) -> tensor<1x2x2xf32>
  // CHECK: "qd.hardmax"({{.*}}) {axis = 2 : i64} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %r95 = "qd.hardmax"(%s) {axis = 2 : i64} : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  // CHECK: "qd.masked"({{.*}}) : (tensor<1x2x3xf32>, tensor<1x1x3xf32>) -> tensor<1x2x3xf32>
  %r34 = "qd.masked"(%u, %k) : (tensor<1x2x3xf32>, tensor<1x1x3xf32>) -> tensor<1x2x3xf32>
  // CHECK: "qd.gelu_i_bert"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r90 = "qd.gelu_i_bert"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.gelu_i_vit"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r91 = "qd.gelu_i_vit"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.reduce_max"({{.*}}) {axes = array<i64: 2>, keep = true} : (tensor<1x3x2xf32>) -> tensor<1x3x1xf32>
  %r35 = "qd.reduce_max"(%s) {axes = array<i64: 2>, keep = true} : (tensor<1x3x2xf32>) -> tensor<1x3x1xf32>
  // CHECK: "qd.interpolate"({{.*}}) {column_shares = array<f64: 0.000000e+00, 2.500000e-01>, columns = array<i64: 0, 4>, row_shares = array<f64: 1.000000e+00>, rows = array<i64: 5>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x1x2xf32>
  %r42 = "qd.interpolate"(%x) {column_shares = array<f64: 0.000000e+00, 2.500000e-01>, columns = array<i64: 0, 4>, row_shares = array<f64: 1.000000e+00>, rows = array<i64: 5>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x1x2xf32>
  // CHECK: "qd.repeat"({{.*}}) {times = array<i64: 1, 1, 2, 3>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x12x18xf32>
  %r40 = "qd.repeat"(%x) {times = array<i64: 1, 1, 2, 3>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x12x18xf32>
  // CHECK: "qd.take"({{.*}}) {axis = 2 : i64, places = array<i64: 5, 0, 0>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x3x6xf32>
  %r41 = "qd.take"(%x) {axis = 2 : i64, places = array<i64: 5, 0, 0>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x3x6xf32>
  // CHECK: "qd.abs"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r200 = "qd.abs"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.sign"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r201 = "qd.sign"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.floor"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r202 = "qd.floor"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.ceil"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r203 = "qd.ceil"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.round"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r204 = "qd.round"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.erf"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r205 = "qd.erf"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.exp"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r206 = "qd.exp"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.log"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r207 = "qd.log"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.sqrt"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r208 = "qd.sqrt"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.reciprocal"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r209 = "qd.reciprocal"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.sin"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r210 = "qd.sin"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.cos"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r211 = "qd.cos"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.tan"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r212 = "qd.tan"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.asin"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r213 = "qd.asin"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.acos"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r214 = "qd.acos"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.atan"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r215 = "qd.atan"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.cosh"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r217 = "qd.cosh"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.asinh"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r218 = "qd.asinh"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.acosh"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r219 = "qd.acosh"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.atanh"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r220 = "qd.atanh"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.mish"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r221 = "qd.mish"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.log_sigmoid"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r222 = "qd.log_sigmoid"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.softsign"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r223 = "qd.softsign"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.step"({{.*}}) {or_equal = false, threshold = 5.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r224 = "qd.step"(%m) {or_equal = false, threshold = 5.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.power"({{.*}}) {exponent = 1.500000e+00 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r225 = "qd.power"(%m) {exponent = 1.500000e+00 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.elu"({{.*}}) {alpha = 2.000000e+00 : f32, gamma = 1.500000e+00 : f32, width = 5.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r226 = "qd.elu"(%m) {alpha = 2.000000e+00 : f32, gamma = 1.500000e+00 : f32, width = 5.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.softplus"({{.*}}) {beta = 2.000000e+00 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r227 = "qd.softplus"(%m) {beta = 2.000000e+00 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.thresholded_relu"({{.*}}) {threshold = 1.000000e+00 : f32, value = 0.000000e+00 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r228 = "qd.thresholded_relu"(%m) {threshold = 1.000000e+00 : f32, value = 0.000000e+00 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.shrink"({{.*}}) {bias = 2.500000e-01 : f32, threshold = 5.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r229 = "qd.shrink"(%m) {bias = 2.500000e-01 : f32, threshold = 5.000000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: "qd.max"({{.*}}) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  %r240 = "qd.max"(%x, %y) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  // CHECK: "qd.min"({{.*}}) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  %r241 = "qd.min"(%x, %y) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  // CHECK: "qd.greater"({{.*}}) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  %r242 = "qd.greater"(%x, %y) : (tensor<1x2x6x6xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x6x6xf32>
  // CHECK: "qd.trunc"({{.*}}) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r243 = "qd.trunc"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return
}
