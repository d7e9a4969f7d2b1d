"""ONNX's own tests of single operators: which of them are taken, and that what is taken is right."""
