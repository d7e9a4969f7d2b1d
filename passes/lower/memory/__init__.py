"""Where tensors lie: views, layouts as IR attributes, buffers and their lifetimes."""
