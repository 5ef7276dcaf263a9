"""Proof: a package and PyTorch in, whether they agree in Chromium out."""
