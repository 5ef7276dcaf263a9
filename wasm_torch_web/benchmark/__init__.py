"""A page that runs a model in, what a visitor of it waits for out: cold start, runs, memory.

`package` measures a built package; bench/ measures the peers by the very same visits.
"""
