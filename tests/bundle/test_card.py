"""Licence and author: what the user says, else what the model's own card says."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasm_torch_web import card
from wasm_torch_web.errors import UserError


def card_with(folder: Path, license_line: str) -> Path | None:
    text = (
        f"---\nlanguage: en\n{license_line}\ntags:\n- license:other\n---\n# Name\nlicense: none\n"
    )
    (folder / card.SOURCE).write_text(text)
    return card.find(folder)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("license: apache-2.0", "Apache-2.0"),
        ('license: "mit"', "MIT"),
        ("license: cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"),
        ("license: openrail", "SEE LICENSE IN MODEL_CARD.md"),
    ],
)
def test_the_licence_of_a_card(tmp_path: Path, line: str, expected: str) -> None:
    assert card.fields(None, None, card_with(tmp_path, line)) == {"license": expected}


def test_a_card_without_a_licence(tmp_path: Path) -> None:
    assert card.fields(None, None, card_with(tmp_path, "pipeline_tag: x")) == {}
    (tmp_path / card.SOURCE).write_text("license: mit\n")
    assert card.fields(None, None, card.find(tmp_path)) == {}


def test_the_user_knows_better(tmp_path: Path) -> None:
    found = card_with(tmp_path, "license: mit")
    expected = {"license": "Apache-2.0 OR MIT", "author": "A. Uthor"}
    assert card.fields("Apache-2.0 OR MIT", "A. Uthor", found) == expected


@pytest.mark.parametrize("text", ["", "MIT or so", "MIT AND", "https://example.org/licence"])
def test_what_is_no_licence_is_refused(text: str) -> None:
    with pytest.raises(UserError) as caught:
        card.fields(text, None, None)
    assert caught.value.slug == "license-invalid"


def test_a_folder_may_have_no_card(tmp_path: Path) -> None:
    assert card.find(tmp_path) is None
