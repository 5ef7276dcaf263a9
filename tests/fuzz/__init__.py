"""What may be handed over, at random: `make fuzz MINUTES=n`, and a little of it in every test run.

`python -m fuzz` (see __main__) runs the fuzzers of `campaign.FUZZERS` and prints a table.
"""
