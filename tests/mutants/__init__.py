"""Do the tests bite? One token of what refuses hostile input is changed, and a test must fail.

`python -m mutants` (see __main__) does so for the groups of `groups.GROUPS` and prints a table.
"""
