"""What `deploy` may replace, and what it tells of itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.deployed import fake_package

from wasm_torch_web.cli import invoke
from wasm_torch_web.cli.deploy import NEXT, command
from wasm_torch_web.deploy import KINDS, deploy
from wasm_torch_web.errors import UserError


def refused(slug: str, package: Path, out: Path, kind: str = "static", **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        deploy(kind, [package], out, **options)
    assert caught.value.slug == slug, caught.value
    return caught.value.message


def test_what_it_wrote_is_replaced(fake: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    deploy("docker", [fake], out)
    deploy("static", [fake], out)
    assert not (out / "compose.yaml").exists()


@pytest.mark.parametrize("name", ["nginx.conf", "certs/tls.key", "site/new"])
def test_what_people_have_edited_or_added_stays(fake: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    deploy("static", [fake], out)
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    assert name in refused("out-edited", fake, out)
    assert (out / name).read_text() == "mine"
    deploy("static", [fake], out, force=True)
    assert not (out / name).exists() or (out / name).read_text() != "mine"


@pytest.mark.parametrize("marker", [None, "", "{}", '{"generator": {"name": "x"}, "files": {}}'])
def test_a_strangers_folder_stays(fake: Path, tmp_path: Path, marker: str | None) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes").write_text("mine")
    if marker is not None:
        (out / "deploy.json").write_text(marker)
    refused("out-exists", fake, out)
    assert (out / "notes").read_text() == "mine"


@pytest.mark.parametrize("place", [".", "..", "inside"])
def test_a_package_is_never_replaced_by_its_deployment(tmp_path: Path, place: str) -> None:
    package = fake_package(tmp_path / "folder/pkg")
    refused("out-unwritable", package, package / place, force=True)
    assert (package / "model.json").is_file()


def test_packages(tmp_path: Path, fake: Path) -> None:
    refused("package-missing", tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(UserError) as caught:
        deploy("static", [fake, fake], tmp_path / "out")
    assert caught.value.slug == "model-twice"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "tag", ["model", "Model:1", "a b:1", "a:1\nRUN x", "-:1", "a:" + "1" * 129, 'a:1"', "a/../b:1"]
)
def test_names_of_images(fake: Path, tmp_path: Path, tag: str) -> None:
    refused("image-invalid", fake, tmp_path / "out", "docker", tag=tag)


@pytest.mark.parametrize("tag", ["a:1", "registry.example.com:5000/team/my_model:1.0.0-rc.1"])
def test_images(fake: Path, tmp_path: Path, tag: str) -> None:
    assert deploy("k8s", [fake], tmp_path / "out", tag=tag)["image"] == tag
    text = (tmp_path / "out/overlays/production/kustomization.yaml").read_text()
    name, _, version = tag.rpartition(":")
    assert f'name: "{name}"' in text and f'newTag: "{version}"' in text


@pytest.mark.parametrize("place", ["demo", "runtime"])
def test_an_installation_without_what_is_compiled(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    target = {"demo": "site.DEMO", "runtime": "image.RUNTIME"}[place]
    monkeypatch.setattr(f"wasm_torch_web.deploy.{target}", tmp_path / "nothing")
    refused("runtime-missing", fake, tmp_path / "out", "docker")


def test_the_examples_run(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pkg").symlink_to(fake)
    fake_package(tmp_path / "other", "other-model")
    lines = re.findall(r"^ *wasm-torch-web (deploy .*)$", command.help or "", re.MULTILINE)
    assert [line.split()[1] for line in lines] == list(KINDS) == list(NEXT)
    for line in lines:
        assert invoke([*line.split(), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        kind, out = told["result"]["kind"], Path(told["result"]["out"])
        files = [path for path in out.rglob("*") if path.is_file()]
        assert len(files) == told["result"]["files"]
        assert line.split()[1] == kind
        record = json.loads((out / "deploy.json").read_text())
        assert {path.relative_to(out).as_posix() for path in files} == {
            *record["files"],
            "deploy.json",
        }


def test_torch_is_not_imported(fake: Path, tmp_path: Path) -> None:
    script = (
        "import sys, wasm_torch_web.cli as cli\n"
        "assert cli.invoke(sys.argv[1:]) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    given = ["deploy", "docker", fake, "--out", tmp_path / "out"]
    subprocess.run([sys.executable, "-c", script, *given], check=True)


def test_a_kind_that_there_is_not(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["deploy", "heroku", str(fake), "--out", "out"]) == 2
    assert "deploy --help" in capsys.readouterr().out
