// RUN: dyadic-opt -p recognize-norms %s | filecheck %s

// CHECK-LABEL: func.func @a_row_over_its_size
// CHECK:         %[[A:.+]] = "qd.rms_norm"(%arg0, {{.*}}) {epsilon = 1.250000e-01 : f64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x3x2xf32>
func.func @a_row_over_its_size(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %one = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %e = "qd.constant"() {value = dense<0.125> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.mul"(%x, %x) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.reduce_mean"(%0) {axes = array<i64: 2>, keep = true} : (tensor<1x3x2xf32>) -> tensor<1x3x1xf32>
  %2 = "qd.scale_shift"(%1, %one, %e) {axis = 2 : i64} : (tensor<1x3x1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
  %3 = "qd.sqrt"(%2) : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %4 = "qd.reciprocal"(%3) : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %5 = "qd.mul"(%4, %x) : (tensor<1x3x1xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %5 : tensor<1x3x2xf32>
}

// Channels are transposed to the end and back; the square is of a distance that is computed a second time.
// CHECK-LABEL: func.func @what_is_centered_is_a_layer_norm
// CHECK:         %[[T:.+]] = "qd.transpose"(%arg0) {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x3xf32>) -> tensor<1x3x2xf32>
// CHECK:         %[[A:.+]] = "qd.layer_norm"(%[[T]], {{.*}}) {epsilon = 1.250000e-01 : f64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.transpose"(%[[A]]) {permutation = array<i64: 0, 2, 1>} : (tensor<1x3x2xf32>) -> tensor<1x2x3xf32>
// CHECK-NEXT:    return %[[B]] : tensor<1x2x3xf32>
func.func @what_is_centered_is_a_layer_norm(%x: tensor<1x2x3xf32>) -> tensor<1x2x3xf32> {
  %one = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %e = "qd.constant"() {value = dense<0.125> : tensor<1xf32>} : () -> tensor<1xf32>
  %m = "qd.reduce_mean"(%x) {axes = array<i64: 1>, keep = true} : (tensor<1x2x3xf32>) -> tensor<1x1x3xf32>
  %d = "qd.sub"(%x, %m) : (tensor<1x2x3xf32>, tensor<1x1x3xf32>) -> tensor<1x2x3xf32>
  %m2 = "qd.reduce_mean"(%x) {axes = array<i64: 1>, keep = true} : (tensor<1x2x3xf32>) -> tensor<1x1x3xf32>
  %d2 = "qd.sub"(%x, %m2) : (tensor<1x2x3xf32>, tensor<1x1x3xf32>) -> tensor<1x2x3xf32>
  %0 = "qd.mul"(%d2, %d2) : (tensor<1x2x3xf32>, tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  %1 = "qd.reduce_mean"(%0) {axes = array<i64: 1>, keep = true} : (tensor<1x2x3xf32>) -> tensor<1x1x3xf32>
  %2 = "qd.scale_shift"(%1, %one, %e) {axis = 1 : i64} : (tensor<1x1x3xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1x3xf32>
  %3 = "qd.sqrt"(%2) : (tensor<1x1x3xf32>) -> tensor<1x1x3xf32>
  %4 = "qd.reciprocal"(%3) : (tensor<1x1x3xf32>) -> tensor<1x1x3xf32>
  %5 = "qd.mul"(%d, %4) : (tensor<1x2x3xf32>, tensor<1x1x3xf32>) -> tensor<1x2x3xf32>
  return %5 : tensor<1x2x3xf32>
}

// A sum of squares is n times their mean: the weights are 1 / sqrt(2). What bounds it is repeated for the division.
// CHECK-LABEL: func.func @a_row_over_its_length
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {value = dense<0.707106769> : tensor<2xf32>} : () -> tensor<2xf32>
// CHECK:         %[[A:.+]] = "qd.rms_norm"(%arg0, %[[W]], {{.*}}) {epsilon = {{4.9+.*}}E-13 : f64} : (tensor<1x3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[A]] : tensor<1x3x2xf32>
func.func @a_row_over_its_length(%x: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %two = "qd.constant"() {value = dense<2.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %zero = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.mul"(%x, %x) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.reduce_mean"(%0) {axes = array<i64: 2>, keep = true} : (tensor<1x3x2xf32>) -> tensor<1x3x1xf32>
  %2 = "qd.scale_shift"(%1, %two, %zero) {axis = 2 : i64} : (tensor<1x3x1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
  %3 = "qd.sqrt"(%2) : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %4 = "qd.clamp"(%3) {low = 1.0e-6 : f32, high = 0x7F800000 : f32} : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %5 = "qd.repeat"(%4) {times = array<i64: 1, 1, 2>} : (tensor<1x3x1xf32>) -> tensor<1x3x2xf32>
  %6 = "qd.reciprocal"(%5) : (tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %7 = "qd.mul"(%x, %6) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %7 : tensor<1x3x2xf32>
}

// CHECK-LABEL: func.func @another_row_over_the_size_of_this_one
// CHECK:         "qd.reciprocal"
// CHECK:         "qd.mul"(%arg1
func.func @another_row_over_the_size_of_this_one(%x: tensor<1x3x2xf32>, %y: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %one = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.mul"(%x, %x) : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %1 = "qd.reduce_mean"(%0) {axes = array<i64: 2>, keep = true} : (tensor<1x3x2xf32>) -> tensor<1x3x1xf32>
  %2 = "qd.scale_shift"(%1, %one, %one) {axis = 2 : i64} : (tensor<1x3x1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x3x1xf32>
  %3 = "qd.sqrt"(%2) : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %4 = "qd.reciprocal"(%3) : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %5 = "qd.mul"(%y, %4) : (tensor<1x3x2xf32>, tensor<1x3x1xf32>) -> tensor<1x3x2xf32>
  return %5 : tensor<1x3x2xf32>
}
