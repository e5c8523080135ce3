"""One file per family of ONNX operators; each registers its handlers, and the folder is the registry."""
