"""A quick slice of the sweep: a sample of each entry that the last full sweep found whole."""

from __future__ import annotations

import json
from itertools import groupby

import pytest
import torch

from sweep.listed import counted
from sweep.programs import Numbered, faults, tolerance
from sweep.samples import Entry, Sample, entries
from sweep.sweep import PASSED, TOGETHER

PARTS = 4  # that test processes share out


def whole() -> list[Entry]:
    """Entries all of whose float32 samples passed."""
    passed = json.loads(PASSED.read_text())
    results = {name: found["float32"] for name, found in passed.items() if "float32" in found}
    names = {name for name, (good, samples, *_) in results.items() if good == samples}
    return [entry for entry in entries() if entry.name in names]


def first(entry: Entry) -> Sample:
    """The first sample that counts."""
    left_out = counted()[entry.name]
    samples = enumerate(entry.each(torch.float32))
    return next(sample for index, sample in samples if index not in left_out)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_sample_of_each_whole_entry(part: int) -> None:
    chosen = sorted(whole()[part::PARTS], key=lambda e: tolerance(e, torch.float32))
    numbered: list[Numbered] = [(i, first(entry)) for i, entry in enumerate(chosen)]
    programs = []
    for allowed, group in groupby(numbered, lambda one: tolerance(chosen[one[0]], torch.float32)):
        members = list(group)
        for start in range(0, len(members), TOGETHER):
            programs.append((f"{part}", allowed, members[start : start + TOGETHER]))
    wrong = faults(programs)
    assert not wrong, "\n".join(f"{chosen[i].name}: {text}" for i, text in wrong.items())


def test_only_what_is_counted_is_listed() -> None:
    assert set(json.loads(PASSED.read_text())) <= set(counted())
