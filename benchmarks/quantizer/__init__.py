"""ONNX Runtime's quantizer on whole networks: what its files answer there and here, in integers, layer by layer."""
