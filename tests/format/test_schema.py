"""Our validator of model.json: what it tells, and that it agrees with jsonschema. That JavaScript's
agrees with it is in tests/bad_inputs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.fake_model import fake_manifest

from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.schema import checker

CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    ": unknown extra": lambda m: m.update(extra=1),
    ": plan is missing": lambda m: m.pop("plan"),
    "/parameters: string instead of integer": lambda m: m.update(parameters="3"),
    "/parameters: number instead of integer": lambda m: m.update(parameters=1.5),
    "/parameters: boolean instead of integer": lambda m: m.update(parameters=True),
    "/weights/bytes: less than 0": lambda m: m["weights"].update(bytes=-1),
    "/plan/file: not ^[A-Za-z0-9]": lambda m: m["plan"].update(file="../plan.bin"),
    "/plan/sha256: not ^[0-9a-f]{64}$": lambda m: m["plan"].update(sha256="ab"),
    "/weights/blockBytes: no multiple of 64": lambda m: m["weights"].update(blockBytes=65537),
    "/weights/shards/0/bytes: more than": lambda m: m["weights"]["shards"][0].update(bytes=2**25),
    "/programs: forward is missing": lambda m: m["programs"].pop("forward"),
    "fits 0 of 2 forms": lambda m: m["programs"]["forward"]["inputs"][0].update(dtype="float8"),
    "/name: longer than 214": lambda m: m.update(name="a" * 215),
    "/graph: null instead of object": lambda m: m.update(graph=None),
    "/format: not 4": lambda m: m.update(format=True),
}


def test_a_valid_manifest_has_no_fault() -> None:
    assert checker(manifests.schema())(fake_manifest()) is None


@pytest.mark.parametrize("fault", CHANGES)
def test_a_fault_is_told_and_jsonschema_sees_one_too(fault: str) -> None:
    manifest = copy.deepcopy(fake_manifest())
    CHANGES[fault](manifest)
    found = checker(manifests.schema())(manifest)
    assert found is not None and fault in found
    assert not Draft202012Validator(manifests.schema()).is_valid(manifest)


def test_a_newline_at_the_end_is_not_passed_over() -> None:
    """As it is by `$` in Python's own patterns."""
    manifest = copy.deepcopy(fake_manifest())
    manifest["plan"]["file"] = "plan.bin\n"
    assert (
        checker(manifests.schema())(manifest) == "/plan/file: not ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
    )


def test_names_of_strangers_are_told_as_plain_text() -> None:
    manifest = {**fake_manifest(), "\x1b[2J\u202e" + "x" * 100: 1}
    assert checker(manifests.schema())(manifest) == ": unknown ?[2J?" + "x" * 59
