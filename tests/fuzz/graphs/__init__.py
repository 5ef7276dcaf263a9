"""Random programs of PyTorch, built as a user's and run on the shipped wasm, next to eager PyTorch.

`operators` is what they are made of, `drawing` draws them from a seed, `program` makes modules of
them, `judging` builds and runs them, `shrinking` leaves out what a failure does not need.
"""
