"""Manifests and schemas at the limits, from one table (limits.json) that TypeScript's validator is
tested with, too, in tests/js/limits.test.ts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.schema import checker

TABLE = json.loads(Path(__file__).with_name("limits.json").read_text())


def manifest(put: dict[str, Any]) -> dict[str, Any]:
    """The manifest of the table with values at some places."""
    made: dict[str, Any] = {"format": manifests.FORMAT, "abi": manifests.ABI}
    made |= copy.deepcopy(TABLE["manifest"])
    for place, value in put.items():
        *path, last = (int(key) if key.isdigit() else key for key in place.split("/"))
        holder: Any = made
        for key in path:
            holder = holder[key]
        holder[last] = copy.deepcopy(value)
    return made


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_a_manifest(case: dict[str, Any]) -> None:
    found = manifests.fault(manifest(case["put"]))
    if case["fault"] is None:
        assert found is None
    else:
        assert found is not None and found.startswith(case["fault"])


@pytest.mark.parametrize("row", TABLE["schemas"], ids=lambda row: json.dumps(row["schema"]))
def test_a_schema(row: dict[str, Any]) -> None:
    """As jsonschema has it, but for a line feed at the end."""
    check, theirs = checker(row["schema"]), Draft202012Validator(row["schema"])
    for data in row["fits"]:
        assert check(data) is None and theirs.is_valid(data), data
    for data in row["does_not"]:
        assert check(data) is not None, data
        assert not theirs.is_valid(data) or data == "a\n"
