"""Folds, buffers and FIFOs of a network on a target."""
