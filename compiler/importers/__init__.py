"""ONNX files and PyTorch modules become MLIR; every operation is located at the user's own node name."""
