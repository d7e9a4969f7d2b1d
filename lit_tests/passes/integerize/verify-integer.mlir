// RUN: not dyadic-opt -p verify-integer --split-input-file %s 2>&1 | filecheck %s

// CHECK: the network is not integer-only: /block/norm (qd.add is not an integer op); output 0 (is not made by qi.dequantize).
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = "qd.add"(%x, %x) : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32> loc("/block/norm")
  return %0 : tensor<1x4xf32>
}

// -----

// CHECK: the network is not integer-only: /middle (quantizes in the middle of the network).
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = "qi.quantize"(%x) : (tensor<1x4xf32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/start")
  %1 = "qi.dequantize"(%0) : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4xf32> loc("/back")
  %2 = "qi.quantize"(%1) : (tensor<1x4xf32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/middle")
  %3 = "qi.dequantize"(%2) : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4xf32> loc("/end")
  return %3 : tensor<1x4xf32>
}

// -----

// CHECK: the network is not integer-only: /start (its scale is not a float32).
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = "qi.quantize"(%x) : (tensor<1x4xf32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.1:3>> loc("/start")
  %1 = "qi.reshape"(%0) : (tensor<1x4x!quant.uniform<u8:f32, 0.1:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.1:3>> loc("/flat")
  %2 = "qi.requant"(%1) {multiplier = 1073741824 : i64, shift = 30 : i64, low = 0 : i64, high = 255 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.1:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("/ok")
  %3 = "qi.dequantize"(%2) : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4xf32> loc("/end")
  return %3 : tensor<1x4xf32>
}

// -----

// CHECK: func.func @integers_only
// CHECK: "qi.dequantize"
func.func @integers_only(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = "qi.quantize"(%x) : (tensor<1x4xf32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
  %1 = "qi.dequantize"(%0) : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}

// -----

// Float weights are for islands alone.
// CHECK: the network is not integer-only: /loose (reads or makes tensor<3xf32>); /moved (reads or makes tensor<1x4xf32>); /moved (reads or makes tensor<1x4xf32>).
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = "qi.quantize"(%x) : (tensor<1x4xf32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
  %1 = "qi.constant"() {value = dense<1.0> : tensor<3xf32>} : () -> tensor<3xf32> loc("/loose")
  %2 = "qi.constant"() {value = dense<1.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32> loc("/moved")
  %3 = "qi.reshape"(%2) : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("/moved")
  %4 = "qi.dequantize"(%0) : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4xf32>
  return %4 : tensor<1x4xf32>
}

// -----

// CHECK: func.func @an_island_between_integers
// CHECK: "qi.float_linear"
func.func @an_island_between_integers(%x: tensor<1x4xf32>) -> tensor<1x1xf32> {
  %0 = "qi.quantize"(%x) : (tensor<1x4xf32>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
  %1 = "qi.constant"() {value = dense<1.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %2 = "qi.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %3 = "qi.float_linear"(%0, %1, %2) {low = 0 : i64, high = 255 : i64} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x4xf32>, tensor<1xf32>) -> tensor<1x1x!quant.uniform<u8:f32, 0.5:3>>
  %4 = "qi.dequantize"(%3) : (tensor<1x1x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x1xf32>
  return %4 : tensor<1x1xf32>
}
