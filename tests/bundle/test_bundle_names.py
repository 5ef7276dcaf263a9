"""npm's rules for names and versions."""

import pytest

from wasm_torch_web.bundle.names import bare, check_name, check_version, suggest_name
from wasm_torch_web.errors import UserError


@pytest.mark.parametrize("name", ["a", "my-model", "@scope/model", "m.2", "0", "a_b", "x" * 214])
def test_takes_what_npm_takes(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "A", ".a", "_a", "a b", "a/b", "@a", "@/b", "../a", "a\n", "é", "node_modules", "x" * 215],
)
def test_refuses_other_names(name: str) -> None:
    with pytest.raises(UserError) as caught:
        check_name(name)
    assert caught.value.code == "WTW117"


@pytest.mark.parametrize("version", ["0.0.0", "1.2.3", "1.0.0-rc.1", "1.0.0+build.5", "10.20.30"])
def test_takes_semantic_versions(version: str) -> None:
    assert check_version(version) == version


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3 ", "٣.1.1"]
)
def test_refuses_other_versions(version: str) -> None:
    with pytest.raises(UserError, match="version"):
        check_version(version)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ResNet18", "res-net18"),
        ("My Model (final)", "my-model-final"),
        ("../../x", "x"),
        ("</script>", "script"),
        ("___", "model"),
        ("node_modules", "node-modules"),
        ("日本", "model"),
    ],
)
def test_suggests_a_valid_name(text: str, name: str) -> None:
    assert suggest_name(text) == check_name(name)


def test_the_command_has_no_scope() -> None:
    assert bare("@scope/model") == "model"
    assert bare("model") == "model"
