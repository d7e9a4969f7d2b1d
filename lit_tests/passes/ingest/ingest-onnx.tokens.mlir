// RUN: not dyadic-opt -p ingest-onnx --split-input-file %s | filecheck %s

// CHECK-LABEL: func.func @gather_by_an_input_of_integers_is_an_embedding
// CHECK-SAME:    (%[[IDS:.+]]: tensor<1x3xi32> {qd.dtype = "int64"}) -> tensor<1x3x2xf32>
// CHECK-NEXT:    %[[T:.+]] = "qd.constant"() {value = dense<5.000000e-01> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
// CHECK-NEXT:    %[[E:.+]] = "qd.embedding"(%[[IDS]], %[[T]]) : (tensor<1x3xi32>, tensor<4x2xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:    return %[[E]] : tensor<1x3x2xf32>
func.func @gather_by_an_input_of_integers_is_an_embedding(%ids: !torch.vtensor<[1,3],si64>) -> !torch.vtensor<[1,3,2],f32> {
  %t = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.5> : tensor<4x2xf32>} : () -> !torch.vtensor<[4,2],f32>
  %0 = torch.operator "onnx.Gather"(%t, %ids) : (!torch.vtensor<[4,2],f32>, !torch.vtensor<[1,3],si64>) -> !torch.vtensor<[1,3,2],f32>
  return %0 : !torch.vtensor<[1,3,2],f32>
}

// What importers put in the place of masks: on scores, and beside the tokens that a mean is taken of.
// CHECK-LABEL: func.func @masks_are_on_scores_and_in_means
// CHECK-SAME:    (%[[X:.+]]: tensor<1x3x2xf32>, %[[M:.+]]: tensor<1x3xi32> {qd.dtype = "int64"})
// CHECK:         %[[V:.+]] = "qd.reshape"(%[[M]]) : (tensor<1x3xi32>) -> tensor<1x1x3xi32>
// CHECK-NEXT:    %[[A:.+]] = "qd.masked"(%{{.+}}, %[[V]]) : (tensor<1x3x3xf32>, tensor<1x1x3xi32>) -> tensor<1x3x3xf32>
// CHECK:         %[[Q:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<1x1x1xf32>}
// CHECK-NEXT:    %[[K:.+]] = "qd.constant"() {value = dense<0.000000e+00> : tensor<1x3x1xf32>}
// CHECK-NEXT:    %[[W:.+]] = "qd.reshape"(%[[M]]) : (tensor<1x3xi32>) -> tensor<1x1x3xi32>
// CHECK:         %[[P:.+]] = "qd.attention"(%[[Q]], %[[K]], %[[X]], %{{.+}}, %[[W]]) {scale = 1.000000e+00 : f64}
// CHECK-NEXT:    %[[R:.+]] = "qd.reshape"(%[[P]]) : (tensor<1x1x2xf32>) -> tensor<1x2xf32>
// CHECK:         %[[I:.+]] = "qd.reciprocal"(%{{.+}})
// CHECK-NEXT:    %[[L:.+]] = "qd.mul"(%[[R]], %[[I]])
// CHECK-NEXT:    return %[[A]], %[[L]]
func.func @masks_are_on_scores_and_in_means(%x: !torch.vtensor<[1,3,2],f32>, %m: !torch.vtensor<[1,3],si64>) -> (!torch.vtensor<[1,3,3],f32>, !torch.vtensor<[1,2],f32>) {
  %a = torch.operator "onnx.DyadicValid"(%m) {torch.onnx.kind = "additive", torch.onnx.tokens = 2 : si64} : (!torch.vtensor<[1,3],si64>) -> !torch.vtensor<[1,1,3],f32>
  %f = torch.operator "onnx.DyadicValid"(%m) {torch.onnx.kind = "factor", torch.onnx.tokens = 1 : si64} : (!torch.vtensor<[1,3],si64>) -> !torch.vtensor<[1,3,1],f32>
  %c = torch.operator "onnx.DyadicValid"(%m) {torch.onnx.kind = "count"} : (!torch.vtensor<[1,3],si64>) -> !torch.vtensor<[1,1],f32>
  %w = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.5> : tensor<2x3xf32>} : () -> !torch.vtensor<[2,3],f32>
  %s = torch.operator "onnx.MatMul"(%x, %w) : (!torch.vtensor<[1,3,2],f32>, !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[1,3,3],f32>
  %0 = torch.operator "onnx.Add"(%a, %s) : (!torch.vtensor<[1,1,3],f32>, !torch.vtensor<[1,3,3],f32>) -> !torch.vtensor<[1,3,3],f32>
  %1 = torch.operator "onnx.Mul"(%x, %f) : (!torch.vtensor<[1,3,2],f32>, !torch.vtensor<[1,3,1],f32>) -> !torch.vtensor<[1,3,2],f32>
  %2 = torch.operator "onnx.ReduceSum"(%1) {torch.onnx.axes = [1 : si64], torch.onnx.keepdims = 0 : si64} : (!torch.vtensor<[1,3,2],f32>) -> !torch.vtensor<[1,2],f32>
  %3 = torch.operator "onnx.Div"(%2, %c) : (!torch.vtensor<[1,2],f32>, !torch.vtensor<[1,1],f32>) -> !torch.vtensor<[1,2],f32>
  %4 = torch.operator "onnx.ReduceL2"(%3) {torch.onnx.axes = [-1 : si64]} : (!torch.vtensor<[1,2],f32>) -> !torch.vtensor<[1,1],f32>
  %5 = torch.operator "onnx.Div"(%3, %4) : (!torch.vtensor<[1,2],f32>, !torch.vtensor<[1,1],f32>) -> !torch.vtensor<[1,2],f32>
  return %0, %5 : !torch.vtensor<[1,3,3],f32>, !torch.vtensor<[1,2],f32>
}

// -----

// CHECK: error: one operator of the model is not supported: the input "tokens": it holds uint16; inputs of float, int64, int32, int8, uint8 and bool are supported
func.func @input_of_words(%x: !torch.vtensor<[1,4],ui16> {qd.name = "tokens"}) -> !torch.vtensor<[1,4],ui16> {
  %0 = torch.operator "onnx.Identity"(%x) : (!torch.vtensor<[1,4],ui16>) -> !torch.vtensor<[1,4],ui16>
  return %0 : !torch.vtensor<[1,4],ui16>
}

// -----

// CHECK: error: one operator of the model is not supported: "/relu" (Relu): it computes with an input of integers; such an input can be looked up in a table
func.func @arithmetic_with_an_input_of_integers(%x: !torch.vtensor<[1,4],si64> {qd.name = "tokens"}) -> !torch.vtensor<[1,4],si64> {
  %0 = torch.operator "onnx.Relu"(%x) : (!torch.vtensor<[1,4],si64>) -> !torch.vtensor<[1,4],si64> loc("/relu")
  return %0 : !torch.vtensor<[1,4],si64>
}

// -----

// CHECK: error: one operator of the model is not supported: "/columns" (Gather): it looks up columns by an input; rows, axis 0, would work
func.func @columns_by_an_input(%x: !torch.vtensor<[1,4],si64> {qd.name = "tokens"}) -> !torch.vtensor<[2,1,4],f32> {
  %t = torch.operator "onnx.Constant"() {torch.onnx.value = dense<0.5> : tensor<2x3xf32>} : () -> !torch.vtensor<[2,3],f32>
  %0 = torch.operator "onnx.Gather"(%t, %x) {torch.onnx.axis = 1 : si64} : (!torch.vtensor<[2,3],f32>, !torch.vtensor<[1,4],si64>) -> !torch.vtensor<[2,1,4],f32> loc("/columns")
  return %0 : !torch.vtensor<[2,1,4],f32>
}

// -----

// CHECK: error: 2 operators of the model are not supported:
// CHECK-NEXT: "/relu" (Relu): it reads a mask of valid tokens; only attention and means may; an input of whole numbers that is no mask would work as float32
// CHECK-NEXT: "/sum" (ReduceSum): it sums [1, 3, 2] over the axes [2], not over the tokens
func.func @masks_elsewhere(%x: !torch.vtensor<[1,3,2],f32>, %m: !torch.vtensor<[1,3],si64>) -> (!torch.vtensor<[1,3,1],f32>, !torch.vtensor<[1,3],f32>) {
  %f = torch.operator "onnx.DyadicValid"(%m) {torch.onnx.kind = "factor", torch.onnx.tokens = 1 : si64} : (!torch.vtensor<[1,3],si64>) -> !torch.vtensor<[1,3,1],f32>
  %0 = torch.operator "onnx.Relu"(%f) : (!torch.vtensor<[1,3,1],f32>) -> !torch.vtensor<[1,3,1],f32> loc("/relu")
  %1 = torch.operator "onnx.Mul"(%x, %f) : (!torch.vtensor<[1,3,2],f32>, !torch.vtensor<[1,3,1],f32>) -> !torch.vtensor<[1,3,2],f32>
  %2 = torch.operator "onnx.ReduceSum"(%1) {torch.onnx.axes = [2 : si64], torch.onnx.keepdims = 0 : si64} : (!torch.vtensor<[1,3,2],f32>) -> !torch.vtensor<[1,3],f32> loc("/sum")
  return %0, %2 : !torch.vtensor<[1,3,1],f32>, !torch.vtensor<[1,3],f32>
}
