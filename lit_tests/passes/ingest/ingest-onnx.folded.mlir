// RUN: not dyadic-opt -p ingest-onnx --split-input-file %s | filecheck %s

// The batch is folded into the windows [2, 3, 4]: a 1 stands in front of them, and what is left is [1, ...] as usual.
// CHECK-LABEL: func.func @a_folded_batch
// CHECK-NEXT:    %[[A:.+]] = "qd.reshape"(%arg0) : (tensor<1x6x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[B:.+]] = "qd.softmax"(%[[A]]) {axis = 3 : i64} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-NEXT:    %[[C:.+]] = "qd.reshape"(%[[B]]) : (tensor<1x2x3x4xf32>) -> tensor<1x6x4xf32>
// CHECK-NEXT:    return %[[C]] : tensor<1x6x4xf32>
func.func @a_folded_batch(%x: !torch.vtensor<[1,6,4],f32>) -> !torch.vtensor<[1,6,4],f32> {
  %s = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[2, 3, 4]> : tensor<3xi64>} : () -> !torch.vtensor<[3],si64>
  %t = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[-1, 6, 4]> : tensor<3xi64>} : () -> !torch.vtensor<[3],si64>
  %0 = torch.operator "onnx.Reshape"(%x, %s) : (!torch.vtensor<[1,6,4],f32>, !torch.vtensor<[3],si64>) -> !torch.vtensor<[2,3,4],f32>
  %1 = torch.operator "onnx.Softmax"(%0) {torch.onnx.axis = -1 : si64} : (!torch.vtensor<[2,3,4],f32>) -> !torch.vtensor<[2,3,4],f32>
  %2 = torch.operator "onnx.Reshape"(%1, %t) : (!torch.vtensor<[2,3,4],f32>, !torch.vtensor<[3],si64>) -> !torch.vtensor<[1,6,4],f32>
  return %2 : !torch.vtensor<[1,6,4],f32>
}

// -----

// CHECK: error: one operator of the model is not supported: the output "out0": [1, 6, 4] to [2, 3, 4] mixes the batch into other dimensions
func.func @a_batch_that_stays_folded(%x: !torch.vtensor<[1,6,4],f32>) -> !torch.vtensor<[2,3,4],f32> {
  %s = torch.operator "onnx.Constant"() {torch.onnx.value = dense<[2, 3, 4]> : tensor<3xi64>} : () -> !torch.vtensor<[3],si64>
  %0 = torch.operator "onnx.Reshape"(%x, %s) : (!torch.vtensor<[1,6,4],f32>, !torch.vtensor<[3],si64>) -> !torch.vtensor<[2,3,4],f32>
  return %0 : !torch.vtensor<[2,3,4],f32>
}
