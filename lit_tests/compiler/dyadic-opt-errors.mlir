// RUN: not dyadic-opt --split-input-file %s | filecheck %s
// RUN: dyadic-opt --split-input-file --verify-diagnostics %s

// An error is printed under the user's own name, and the modules after it are still read.
// CHECK: error: "/layer1/clamp": 'qd.clamp' op low 1.0 must not exceed high 0.0
func.func @clamp(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // expected-error @unknown {{low 1.0 must not exceed high 0.0}}
  %0 = "qd.clamp"(%x) {low = 1.0 : f32, high = 0.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("/layer1/clamp")
  return %0 : tensor<1x4xf32>
}

// -----

// CHECK: error: {{.*}}attribute "high" is expected but not provided
func.func @missing(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // expected-error @+1 {{attribute "high" is expected but not provided}}
  %0 = "qd.clamp"(%x) {low = 1.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}

// -----

// CHECK: func.func @fine
func.func @fine(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}
