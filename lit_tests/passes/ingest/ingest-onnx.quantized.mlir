// RUN: dyadic-opt -p ingest-onnx --split-input-file %s | filecheck %s

// int8 with zero point -128 is u8 with 0; the weights keep their codes and scales beside the numbers that they stand for.
// CHECK-LABEL: func.func @scales_and_codes_are_kept
// CHECK-NEXT:    %[[X:.+]] = "qd.clamp"(%arg0) {high = 1.275000e+02 : f32, low = 0.000000e+00 : f32, qd.given = array<f64: 5.000000e-01, 0.000000e+00, 8.000000e+00>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT:    %[[W:.+]] = "qd.constant"() {qd.weight_bits = 8 : i64, qd.weight_scale = array<f64: 2.000000e+00, 4.000000e+00>, qd.weight_steps = dense<{{\[\[}}1, 2], [3, -4]]> : tensor<2x2xi8>, value = dense<{{\[\[}}2.000000e+00, 4.000000e+00], [1.200000e+01, -1.600000e+01]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
// CHECK:         "qd.linear"(%[[X]], %[[W]],
func.func @scales_and_codes_are_kept(%x: !torch.vtensor<[1,2],f32>) -> !torch.vtensor<[1,2],f32> {
  %s = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.5> : tensor<f32>} : () -> !torch.vtensor<[],f32>
  %z = torch.operator "onnx.Constant"() {torch.onnx.value = dense<-128> : tensor<i8>} : () -> !torch.vtensor<[],si8>
  %w = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[[1, 2], [3, -4]]> : tensor<2x2xi8>} : () -> !torch.vtensor<[2,2],si8>
  %ws = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[2.0, 4.0]> : tensor<2xf32>} : () -> !torch.vtensor<[2],f32>
  %wz = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0> : tensor<2xi8>} : () -> !torch.vtensor<[2],si8>
  %q = torch.operator "onnx.QuantizeLinear"(%x, %s, %z) : (!torch.vtensor<[1,2],f32>, !torch.vtensor<[],f32>, !torch.vtensor<[],si8>) -> !torch.vtensor<[1,2],si8>
  %d = torch.operator "onnx.DequantizeLinear"(%q, %s, %z) : (!torch.vtensor<[1,2],si8>, !torch.vtensor<[],f32>, !torch.vtensor<[],si8>) -> !torch.vtensor<[1,2],f32>
  %r = torch.operator "onnx.DequantizeLinear"(%w, %ws, %wz) {torch.onnx.axis = 0 : si64} : (!torch.vtensor<[2,2],si8>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],si8>) -> !torch.vtensor<[2,2],f32>
  %y = torch.operator "onnx.Gemm"(%d, %r) {torch.onnx.transB = 1 : si64} : (!torch.vtensor<[1,2],f32>, !torch.vtensor<[2,2],f32>) -> !torch.vtensor<[1,2],f32>
  return %y : !torch.vtensor<[1,2],f32>
}

// -----

// Integers that are read with another scale are whole numbers: twice what the quantization keeps, times a quarter.
// CHECK-LABEL: func.func @integers_are_reinterpreted
// CHECK:         %[[Q:.+]] = "qd.clamp"(%arg0) {{.*}}qd.given
// CHECK:         "qd.scale_shift"(%[[Q]],
// CHECK:         "qd.scale_shift"
func.func @integers_are_reinterpreted(%x: !torch.vtensor<[1,2],f32>) -> !torch.vtensor<[1,2],f32> {
  %s = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.5> : tensor<f32>} : () -> !torch.vtensor<[],f32>
  %t = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.25> : tensor<f32>} : () -> !torch.vtensor<[],f32>
  %z = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0> : tensor<i8>} : () -> !torch.vtensor<[],si8>
  %q = torch.operator "onnx.QuantizeLinear"(%x, %s, %z) : (!torch.vtensor<[1,2],f32>, !torch.vtensor<[],f32>, !torch.vtensor<[],si8>) -> !torch.vtensor<[1,2],si8>
  %d = torch.operator "onnx.DequantizeLinear"(%q, %t, %z) : (!torch.vtensor<[1,2],si8>, !torch.vtensor<[],f32>, !torch.vtensor<[],si8>) -> !torch.vtensor<[1,2],f32> loc("d")
  return %d : !torch.vtensor<[1,2],f32>
}

// -----

// The integers of several scales are those of one scale, 1.
// CHECK-LABEL: func.func @integers_of_channels_are_whole_numbers
// CHECK:         %[[S:.+]] = "qd.scale_shift"(%arg0,
// CHECK:         %[[Q:.+]] = "qd.clamp"(%[[S]]) {high = 1.270000e+02 : f32, low = -1.280000e+02 : f32, qd.given = array<f64: 1.000000e+00, 1.280000e+02, 8.000000e+00>}
// CHECK:         return %[[Q]]
func.func @integers_of_channels_are_whole_numbers(%x: !torch.vtensor<[1,2],f32>) -> !torch.vtensor<[1,2],si8> {
  %s = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[0.5, 1.0]> : tensor<2xf32>} : () -> !torch.vtensor<[2],f32>
  %z = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0> : tensor<2xi8>} : () -> !torch.vtensor<[2],si8>
  %q = torch.operator "onnx.QuantizeLinear"(%x, %s, %z) : (!torch.vtensor<[1,2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],si8>) -> !torch.vtensor<[1,2],si8> loc("q")
  return %q : !torch.vtensor<[1,2],si8>
}
