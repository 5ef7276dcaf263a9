"""--model, --import and the forms of example_inputs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.models import write_factory
from torch import nn

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources.factory import import_registered, make, normalise


def test_a_file(tmp_path: Path) -> None:
    module, examples = make(f"{write_factory(tmp_path)}:make")
    assert isinstance(module, nn.Module)
    assert examples is None


def test_the_last_colon_separates(tmp_path: Path) -> None:
    folder = tmp_path / "c:"
    folder.mkdir()
    assert isinstance(make(f"{write_factory(folder)}:make")[0], nn.Module)


def test_a_module_name() -> None:
    assert isinstance(make("torch.nn:Identity")[0], nn.Identity)


def test_modules_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_factory(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert isinstance(make("net_factory:make").module, nn.Module)


def test_files_see_their_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_part.py").write_text("from torch.nn import Identity\n")
    (tmp_path / "whole.py").write_text("from neighbour_part import Identity\n")
    assert isinstance(make(f"{tmp_path}/whole.py:Identity")[0], nn.Identity)


def test_a_file_may_have_a_name_that_is_taken(tmp_path: Path) -> None:
    import json

    (tmp_path / "json.py").write_text("from torch.nn import Identity\n")
    assert isinstance(make(f"{tmp_path}/json.py:Identity")[0], nn.Identity)
    assert json.loads("1") == 1


OWNERS = {
    "module": "def make():\n    m = nn.Identity()\n    m.example_inputs = X\n    return m\n",
    "factory": "def make():\n    return nn.Identity()\nmake.example_inputs = X\n",
    "file": "def make():\n    return nn.Identity()\nexample_inputs = X\n",
    "function": "def make():\n    return nn.Identity()\ndef example_inputs():\n    return X\n",
}


@pytest.mark.parametrize("owner", OWNERS)
def test_where_examples_are_looked_up(tmp_path: Path, owner: str) -> None:
    text = f"import torch\nfrom torch import nn\nX = (torch.ones(2),)\n{OWNERS[owner]}"
    (tmp_path / f"by_{owner}.py").write_text(text)
    examples = make(f"{tmp_path}/by_{owner}.py:make").examples
    assert examples is not None
    assert examples[0][0].tolist() == [1, 1]


def test_forms_of_examples() -> None:
    x = torch.ones(1)
    assert normalise((x, 2)) == ((x, 2), {})
    assert normalise([x, 2]) == ((x, 2), {})
    assert normalise(x) == ((x,), {})
    assert normalise({"a": x}) == ((), {"a": x})
    assert normalise(((x,), {"a": 2})) == ((x,), {"a": 2})
    with pytest.raises(UserError) as caught:
        normalise("x")
    assert caught.value.slug == "examples-invalid"
    assert normalise(((), {})) == ((), {})
    with pytest.raises(UserError, match="example_inputs: a int"):
        normalise(3)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("FILE", "no factory is named"),
        ("FILE:", "no factory is named"),
        (":make", "no factory is named"),
        ("FILE:a b", "no factory is named"),
        ("FILE:missing", "has no missing"),
        ("FILE:number", "is a int, not a function"),
        ("FILE:instance", "is a Net, not a function"),
        ("FILE:not_a_module", "returned a int"),
        ("FILE:fails", "ZeroDivisionError"),
        ("no/such/file.py:make", "does not exist"),
        ("no_such_module:make", "No module named 'no_such_module'"),
    ],
)
def test_mistakes(tmp_path: Path, spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        make(spec.replace("FILE", write_factory(tmp_path)))
    assert caught.value.slug == "model-not-found"


def test_errors_say_where(tmp_path: Path) -> None:
    path = write_factory(tmp_path)
    with pytest.raises(UserError) as caught:
        make(f"{path}:fails")
    lines = Path(path).read_text().splitlines()
    assert caught.value.where == f"{path}:{lines.index('    return 1 / 0') + 1}"


def test_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_types.py").write_text("")
    monkeypatch.chdir(tmp_path)
    import_registered("imported_types")
    (tmp_path / "broken_types.py").write_text("1 / 0\n")
    for name, said in (("no_such_types", "No module"), ("broken_types", "ZeroDivisionError")):
        with pytest.raises(UserError, match=said) as caught:
            import_registered(name)
        assert caught.value.slug == "import-failed"
