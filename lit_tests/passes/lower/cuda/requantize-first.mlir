// RUN: dyadic-opt -p requantize-first %s | filecheck %s

// What is repeated is requantized, but not where the repeats are read as they are, too.
// CHECK-LABEL: func.func @main(
// CHECK-SAME:    %[[X:.*]]: tensor<1x2x2x2x
// CHECK-NEXT:    %[[A:.*]] = "qi.requant"(%[[X]]) {{.*}} -> tensor<1x2x2x2x!quant.uniform<u8:f32, 8.000000e-01:7>>
// CHECK-NEXT:    %[[B:.*]] = "qi.repeat"(%[[A]]) {{.*}} -> tensor<1x4x4x2x!quant.uniform<u8:f32, 8.000000e-01:7>>
// CHECK-NEXT:    %[[C:.*]] = "qi.repeat"(%[[X]])
// CHECK-NEXT:    %[[D:.*]] = "qi.requant"(%[[C]])
// CHECK-NEXT:    return %[[B]], %[[C]], %[[D]]
!q = !quant.uniform<u8:f32, 0.5:3>
!r = !quant.uniform<u8:f32, 0.8:7>
func.func @main(%x: tensor<1x2x2x2x!q>) -> (tensor<1x4x4x2x!r>, tensor<1x4x4x2x!q>, tensor<1x4x4x2x!r>) {
  %a = "qi.repeat"(%x) {times = array<i64: 1, 2, 2, 1>} : (tensor<1x2x2x2x!q>) -> tensor<1x4x4x2x!q>
  %b = "qi.requant"(%a) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x4x4x2x!q>) -> tensor<1x4x4x2x!r>
  %c = "qi.repeat"(%x) {times = array<i64: 1, 2, 2, 1>} : (tensor<1x2x2x2x!q>) -> tensor<1x4x4x2x!q>
  %d = "qi.requant"(%c) {multiplier = 1342177280 : i64, shift = 31 : i64, low = 7 : i64, high = 250 : i64} : (tensor<1x4x4x2x!q>) -> tensor<1x4x4x2x!r>
  return %b, %c, %d : tensor<1x4x4x2x!r>, tensor<1x4x4x2x!q>, tensor<1x4x4x2x!r>
}
