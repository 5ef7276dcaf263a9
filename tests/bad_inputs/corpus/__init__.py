"""Hostile packages: a few small valid ones, each with one thing changed.

`packages` builds the valid ones, `manifests`, `plans` and `files` say what is changed, `case` puts
the files of a case into a folder. `python -m corpus FOLDER` (see __main__) runs all of it.
"""
