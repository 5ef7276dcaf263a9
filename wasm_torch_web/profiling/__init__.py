"""A built package in, where the time of its runs goes out: tables, JSON and a flame chart.

`measure` times every operator in Chromium, `report` prints, `flame` draws.
"""
