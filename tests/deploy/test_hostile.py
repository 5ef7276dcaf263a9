"""Names in a manifest stay text, in YAML, Dockerfiles and nginx.conf."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.deployed import fake_package, instructions, read_yaml, resources, words

from wasm_torch_web.deploy import deploy
from wasm_torch_web.deploy.deployment import dns_label, plan
from wasm_torch_web.deploy.templates import write
from wasm_torch_web.errors import UserError

# All that npm and the manifest's schema let through; YAML would read the first ones as no text.
NAMES = ["true", "null", "0x1f", "1e3", "~", "-rf", "@a/kube-system", "a" * 214, "a.b_c~d-"]
VERSIONS = ["1.2.3+build.5", "1.0.0-rc.1", "0.0.0--help"]
# What npm refuses, some of which the schema's pattern would not.
REFUSED = {
    "name": ["evil\n", "evil\nRUN touch x", 'x"', "x;}", "$(id)", "${HOME}", "a b", "@name@", ""],
    "version": ["1.0.0\n", '1.0.0"', "1.0.0; rm", "latest", "1.0.0\nUSER root"],
}
TEXT = '"\nRUN evil\n# ${x} $(id) @name@ ; } {{ }} |\n---\n'


def changed(folder: Path, **fields: str) -> Path:
    """A package whose manifest somebody has edited."""
    package = fake_package(folder)
    path = package / "model.json"
    manifest = json.loads(path.read_text()) | fields
    path.write_text(json.dumps(manifest))
    return package


def templates(package: Path, folder: Path) -> tuple[list[str], list[str]]:
    """Writes all that is filled in; gives the words that begin the lines of two of the files."""
    deployment = plan([package], None, 2)
    for kind in ("image", "docker", "k8s"):
        write(kind, folder, deployment)
    dockerfile = [word for word, _ in instructions(folder / "Dockerfile")]
    nginx = (folder / "nginx/nginx.conf").read_text().splitlines()
    return dockerfile, [line.split()[0] for line in nginx if line]


def test_names_stay_text(fake: Path, tmp_path: Path) -> None:
    expected = templates(fake, tmp_path / "usual")
    given = [(name, "1.0.0") for name in NAMES] + [("x", version) for version in VERSIONS]
    for number, (name, version) in enumerate(given):
        folder = tmp_path / str(number)
        told = {"name": name, "version": version, "license": TEXT, "author": TEXT}
        assert templates(changed(tmp_path / f"{number}-pkg", **told), folder) == expected
        label = dict(instructions(folder / "Dockerfile"))["LABEL"].partition("=")[2]
        assert json.loads(label) == f"{name} {version}"
        assert words(folder / "Dockerfile", "ENTRYPOINT")[2] == "/site/package"
        compose = read_yaml(folder / "compose.yaml")
        assert isinstance(compose["name"], str)
        assert compose["services"]["service"]["image"].partition(":")[0] == compose["name"]
        found = resources(folder / "base") | resources(folder / "overlays")
        models = found["Deployment"]["metadata"]["annotations"]["wasm-torch-web/models"]
        assert models == f"{name} {version}"
        for one in found.values():
            assert one["metadata"]["name"] == dns_label(one["metadata"]["name"])
        assert found["Namespace"]["metadata"]["name"] == "models"
        assert not any("RUN evil" in path.read_text() for path in folder.rglob("*.*"))


@pytest.mark.parametrize(
    ("field", "text"), [(field, text) for field, texts in REFUSED.items() for text in texts]
)
def test_what_npm_refuses_is_refused(tmp_path: Path, field: str, text: str) -> None:
    package = changed(tmp_path / "pkg", **{field: text})
    with pytest.raises(UserError) as caught:
        deploy("docker", [package], tmp_path / "out")
    assert caught.value.slug in ("manifest-invalid", "name-invalid")
    assert not (tmp_path / "out").exists()


def test_labels_are_labels() -> None:
    for name in [*NAMES, "", "1", "Ä", "a" * 39 + "-b", "kube-system"]:
        label = dns_label(name)
        assert label.isascii() and label[0].isalpha() and label[-1].isalnum()
        assert len(label) <= 40 and set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
