"""Python that reads what strangers made: a forked process imports the mutant, and runs the tests
of its file, those that are most about it first."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from unittest.mock import patch

from mutants.mutation import ROOT, Mutant
from mutants.running import KILLED, NO_PROGRAM, SURVIVED, Group, Judge, alone, tests_fail

FORMAT = tuple(f"format/test_{name}.py" for name in ("limits", "manifest", "schema"))
HOSTILE = tuple(
    f"bad_inputs/test_hostile_{what}.py"
    for what in ("texts", "programs", "archives", "pickles", "tensors")
)
TEXTS, PROGRAMS, ARCHIVES, PICKLES, TENSORS = HOSTILE
DETECT, CHECKPOINTS = "sources/test_detect.py", "sources/test_checkpoints.py"
VALIDATORS = {
    f"wasm_torch_web/format/{name}.py": FORMAT for name in ("schema", "rules", "manifest")
}
SOURCES = {
    "archive": (ARCHIVES, TENSORS, PROGRAMS),
    "audit": (TEXTS, PROGRAMS, ARCHIVES),
    "checkpoint": (CHECKPOINTS, PICKLES, TENSORS),
    "detect": (DETECT, ARCHIVES),
    "kept_axes": (ARCHIVES,),
    "state_dict": (CHECKPOINTS, TENSORS),
    "tensors": (TENSORS, ARCHIVES),
}
# What tests of sources need besides, and what is slow to import.
IMPORTED = (
    *("torch", "torch.export.pt2_archive._package", "torch._export.converter", "sympy"),
    *("safetensors.torch", "jsonschema", "numpy", "_pytest.assertion.rewrite", "support.models"),
)


def _group(tests: Mapping[str, Sequence[str]]) -> Group:
    """Of files, each with its tests."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Judge]:
        for module in IMPORTED:
            importlib.import_module(module)
        sys.modules["support.models"].write_archive(folder / "kept.pt2")
        assert not any(module.startswith("wasm_torch_web") for module in sys.modules)

        def judge(mutant: Mutant) -> str:
            try:
                code = compile(mutant.text(), str(ROOT / mutant.path), "exec")
            except SyntaxError:
                return NO_PROGRAM
            return KILLED if alone(lambda: _fails(mutant.path, code)) else SURVIVED

        yield judge

    def _fails(path: str, code: CodeType) -> bool:
        _imported_as(ROOT / path, code)
        return tests_fail(tests[path])

    return Group([*tests], opened)


def _imported_as(path: Path, code: CodeType) -> None:
    """From now on, in this process."""
    usual = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, name: str) -> CodeType | None:
        return code if Path(self.path) == path else usual(self, name)

    patch.object(SourceFileLoader, "get_code", get_code).start()


GROUPS = {
    "python": _group(VALIDATORS),
    "sources": _group({f"wasm_torch_web/sources/{k}.py": v for k, v in SOURCES.items()}),
}
