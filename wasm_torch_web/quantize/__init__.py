"""Fewer bits for weights: what was asked for, what was done, and what that does to the outputs."""
