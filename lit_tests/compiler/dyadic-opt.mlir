// RUN: dyadic-opt -p canonicalize,cse %s | filecheck %s
// RUN: dyadic-opt --pass-pipeline 'builtin.module(canonicalize,cse)' %s | filecheck %s
// RUN: dyadic-opt -p cse < %s | filecheck %s --check-prefix=STDIN
// RUN: dyadic-opt --print-ir-after-all -p cse %s 2>&1 | filecheck %s --check-prefix=AFTER
// RUN: dyadic-opt --mlir-print-debuginfo %s | filecheck %s --check-prefix=NAMES
// RUN: dyadic-opt --mlir-elide-elementsattrs-if-larger=2 %s | filecheck %s --check-prefix=ELIDED
// RUN: dyadic-opt --list-passes | filecheck %s --check-prefix=LIST
// RUN: not dyadic-opt -p no-such-pass %s 2>&1 | filecheck %s --check-prefix=UNKNOWN

// AFTER:         IR Dump After CSE
// LIST:          prepare:
// UNKNOWN:       error: there is no pass 'no-such-pass'
// ELIDED:        __elided__

// CHECK-LABEL:   func.func @unused_ops_go
// CHECK-NEXT:      %[[W:.+]] = "qd.constant"
// CHECK-NEXT:      return %[[W]]
// STDIN-LABEL:   func.func @unused_ops_go
// STDIN-COUNT-1: "qd.constant"
// STDIN-NOT:     "qd.constant"
// NAMES:         #[[NAME:.+]] = loc("/layer1/weight")
func.func @unused_ops_go() -> tensor<4xf32> {
  %0 = "qd.constant"() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32> loc("/layer1/weight")
  %1 = "qd.constant"() {value = dense<2.0> : tensor<4xf32>} : () -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
