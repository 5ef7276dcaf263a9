"""A slice of the sweep in browsers: what Node cannot run, the relaxed and threaded variants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.engines import Engine

from sweep.samples import Calls
from sweep.test_sweep_slice import first, whole
from wasm_torch_web.pipeline import BuildResult, build
from wasm_torch_web.verify.compare import compare
from wasm_torch_web.verify.session import open_in

EVERY = 12  # of the entries that are whole, one so many
TRAIN = re.compile("(batch|instance)_norm|dropout")  # `build` refuses a program that trains


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    """A package of one sample of each chosen entry."""
    entries = [entry for entry in whole() if not TRAIN.search(entry.name)]
    module = Calls([first(entry) for entry in entries[::EVERY]]).eval()
    out: Path = tmp_path_factory.mktemp("sweep") / "pkg"
    return build(module, module.tensors, out=out, name="sweep", verify=False)


def test_every_variant(engine: Engine, variant: str, built: BuildResult) -> None:
    (expected,) = built.reference([built.example])
    with engine.tab() as tab, open_in(tab, built.out) as model:
        model.load(variant)
        given, _ = model.run(built.example)
    errors = [compare(name, value, given[name]) for name, value in expected.items()]
    assert errors and not [error for error in errors if not error.passed]
