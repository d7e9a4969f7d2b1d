// RUN: dyadic-opt -p balance-attention %s | filecheck %s

// One head of two channels. Keys reach over [-1, 3] and [-1, 1], queries to 1 and 4: f is sqrt(2 / 1) and sqrt(1 / 4)
// over their geometric mean, 0.8409, which is 1.6818 and 0.5946. Keys are shifted by 1 and 0 first. Values reach over
// [0, 4] and [-1, 1]: shifted by 2 and 0, divided by sqrt(2) and its inverse.
// CHECK-LABEL: func.func @queries_against_keys_and_values_against_their_reader
// CHECK:         %[[WQ:.+]] = "qd.constant"() {value = dense<{{\[}}[1.681792{{[0-9]*}}, 0.000000e+00], [0.000000e+00, 0.594603{{[0-9]*}}]]>
// CHECK:         %[[Q:.+]] = "qd.linear"(%arg0, %[[WQ]], {{.*}}qd.range = array<f64: -2.378{{[0-9]*}}, 2.378{{[0-9]*}}>
// CHECK:         %[[WK:.+]] = "qd.constant"() {value = dense<{{\[}}[0.594603{{[0-9]*}}, 0.000000e+00], [0.000000e+00, 1.681792{{[0-9]*}}]]>
// CHECK:         %[[BK:.+]] = "qd.constant"() {value = dense<[-0.594603{{[0-9]*}}, 0.000000e+00]>
// CHECK:         %[[K:.+]] = "qd.linear"(%arg0, %[[WK]], %[[BK]])
// CHECK:         %[[BV:.+]] = "qd.constant"() {value = dense<[-1.41421354, 0.000000e+00]>
// CHECK:         %[[V:.+]] = "qd.linear"(%arg0, %{{.+}}, %[[BV]])
// CHECK:         %[[A:.+]] = "qd.attention"(%[[Q2:.+]], %[[K2:.+]], %[[V2:.+]],
// CHECK:         %[[WO:.+]] = "qd.constant"() {value = dense<{{\[}}[1.41421354, 0.7071067{{[0-9]*}}]]>
// CHECK:         %[[BO:.+]] = "qd.constant"() {value = dense<2.000000e+00>
// CHECK:         "qd.linear"(%{{.+}}, %[[WO]], %[[BO]])
func.func @queries_against_keys_and_values_against_their_reader(%x: tensor<1x3x2xf32>) -> tensor<1x3x1xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %one = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %b = "qd.constant"() {value = dense<[0.0, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %wq = "qd.constant"() {value = dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %q = "qd.linear"(%x, %wq, %b) {qd.range = array<f64: -4.0, 4.0>, qd.channel_range = array<f64: -1.0, -4.0, 1.0, 4.0>} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %q4 = "qd.reshape"(%q) : (tensor<1x3x2xf32>) -> tensor<1x3x1x2xf32>
  %qh = "qd.transpose"(%q4) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x3x1x2xf32>) -> tensor<1x1x3x2xf32>
  %wk = "qd.constant"() {value = dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %k = "qd.linear"(%x, %wk, %b) {qd.range = array<f64: -1.0, 3.0>, qd.channel_range = array<f64: -1.0, -1.0, 3.0, 1.0>} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %k4 = "qd.reshape"(%k) : (tensor<1x3x2xf32>) -> tensor<1x3x1x2xf32>
  %kh = "qd.transpose"(%k4) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x3x1x2xf32>) -> tensor<1x1x3x2xf32>
  %wv = "qd.constant"() {value = dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = "qd.linear"(%x, %wv, %b) {qd.range = array<f64: -1.0, 4.0>, qd.channel_range = array<f64: 0.0, -1.0, 4.0, 1.0>} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %v4 = "qd.reshape"(%v) : (tensor<1x3x2xf32>) -> tensor<1x3x1x2xf32>
  %vh = "qd.transpose"(%v4) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x3x1x2xf32>) -> tensor<1x1x3x2xf32>
  %a = "qd.attention"(%qh, %kh, %vh, %zero, %one) {scale = 0.5 : f32, qd.range = array<f64: -1.0, 3.0>, qd.channel_range = array<f64: 1.0, -1.0, 3.0, 1.0>} : (tensor<1x1x3x2xf32>, tensor<1x1x3x2xf32>, tensor<1x1x3x2xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1x3x2xf32>
  %at = "qd.transpose"(%a) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x1x3x2xf32>) -> tensor<1x3x1x2xf32>
  %am = "qd.reshape"(%at) : (tensor<1x3x1x2xf32>) -> tensor<1x3x2xf32>
  %wo = "qd.constant"() {value = dense<[[1.0, 1.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %bo = "qd.constant"() {value = dense<[0.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %o = "qd.linear"(%am, %wo, %bo) : (tensor<1x3x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
  return %o : tensor<1x3x1xf32>
}

// A mask that is computed may leave a row without anything valid, which is 0: values are scaled, not shifted.
// CHECK-LABEL: func.func @values_that_may_be_masked_are_not_shifted

// CHECK:         "qd.linear"(%arg0, %{{.+}}, %{{.+}}) {qd.channel_range
// CHECK-SAME:    qd.range = array<f64: -1.414{{[0-9]*}}, 2.828{{[0-9]*}}>
func.func @values_that_may_be_masked_are_not_shifted(%x: tensor<1x3x2xf32>, %valid: tensor<1x1x3xi32>) -> tensor<1x3x1xf32> {
  %zero = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %b = "qd.constant"() {value = dense<[0.0, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %wv = "qd.constant"() {value = dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = "qd.linear"(%x, %wv, %b) {qd.range = array<f64: -1.0, 4.0>, qd.channel_range = array<f64: 0.0, -1.0, 4.0, 1.0>} : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
  %v4 = "qd.reshape"(%v) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %a = "qd.attention"(%x, %x, %v4, %zero, %valid) {scale = 0.5 : f32, qd.range = array<f64: -1.0, 3.0>, qd.channel_range = array<f64: 1.0, -1.0, 3.0, 1.0>} : (tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1xf32>, tensor<1x1x3xi32>) -> tensor<1x3x2xf32>
  %am = "qd.reshape"(%a) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %wo = "qd.constant"() {value = dense<[[1.0, 1.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %bo = "qd.constant"() {value = dense<[0.0]> : tensor<1xf32>} : () -> tensor<1xf32>
  %o = "qd.linear"(%am, %wo, %bo) : (tensor<1x3x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
  return %o : tensor<1x3x1xf32>
}
