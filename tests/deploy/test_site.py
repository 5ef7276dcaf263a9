"""`deploy static`: pages that work on any host, with the headers that `serve` sends."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import brotli
import pytest
from playwright.sync_api import Browser
from starlette.routing import Mount
from support.browser import tab
from support.deployed import Deployed, added_headers, check_page, fake_package
from support.installed import Log

from wasm_torch_web.deploy import deploy
from wasm_torch_web.deploy.headers import HEADERS
from wasm_torch_web.errors import UserError
from wasm_torch_web.serving import DEMO_CSP, application, page, running
from wasm_torch_web.serving.guard import ISOLATION

ISOLATED = "() => globalThis.crossOriginIsolated"


def test_a_host_without_headers(deployed: Deployed, browser: Browser) -> None:
    """The page's service worker gives it threads; the model is right."""
    answers: list[tuple[str, int]] = []
    routes = [Mount("/", page(deployed("static") / "site"))]
    app = Log(application(routes, DEMO_CSP, isolated=False), answers)
    with running(app) as url, tab(browser) as opened:
        opened.page.goto(url)
        opened.page.wait_for_function(ISOLATED)
        check_page(opened)
    assert [answer for answer in answers if answer[1] >= 400] == []


def test_several(tmp_path: Path) -> None:
    names = ("~", "x")
    given = [fake_package(tmp_path / str(i), name) for i, name in enumerate(names)]
    told = deploy("static", given, tmp_path / "out")
    assert [model["name"] for model in told["models"]] == list(names)
    site = tmp_path / "out/site"
    listing = (site / "index.html").read_text()
    for number, (name, package) in enumerate(zip(names, given, strict=True)):
        assert f'<a href="models/{number}/">{name}</a>' in listing
        page = site / f"models/{number}"
        assert 'src="service-worker.js"' in (page / "index.html").read_text()
        assert (page / "package/plan.bin").read_bytes() == (package / "plan.bin").read_bytes()


def test_a_tokenizer_of_the_package_is_told_to_the_page(tmp_path: Path) -> None:
    package = fake_package(tmp_path / "pkg")
    (package / "tokenizer.json").write_text('{"model": {"vocab": {}}}')
    listed = json.loads((package / "package.json").read_text())
    listed["files"].append("tokenizer.json")
    (package / "package.json").write_text(json.dumps(listed))
    deploy("static", [package], tmp_path / "out")
    hints = json.loads((tmp_path / "out/site/hints.json").read_text())
    assert hints == {"tokenizer": "package/tokenizer.json"}
    assert (tmp_path / "out/site/package/tokenizer.json").is_file()


def test_compressed_files_hold_the_same(deployed: Deployed) -> None:
    site = deployed("static") / "site"
    made = [path for path in site.rglob("*") if path.suffix in (".br", ".gz")]
    assert {"demo.js.br", "plan.bin.gz", "runtime-simd128-single.wasm.br"} <= {p.name for p in made}
    for path in made:
        unpack = brotli.decompress if path.suffix == ".br" else gzip.decompress
        assert unpack(path.read_bytes()) == path.with_suffix("").read_bytes()


def test_every_host_is_told_the_same_headers(deployed: Deployed) -> None:
    out = deployed("static")
    assert HEADERS.items() >= ISOLATION.items()
    rule, *lines = (out / "site/_headers").read_text().splitlines()
    assert rule == "/*"
    told = dict(line.strip().split(": ", 1) for line in lines)
    assert {name.lower(): value for name, value in told.items()} == HEADERS
    [vercel] = json.loads((out / "site/vercel.json").read_text())["headers"]
    assert {one["key"].lower(): one["value"] for one in vercel["headers"]} == HEADERS
    assert added_headers(out / "nginx.conf") == HEADERS
    apache = (out / "site/.htaccess").read_text()
    found = re.findall(r'Header always set (\S+) "([^"]*)"', apache)
    assert {name.lower(): value for name, value in found} == HEADERS
    caddy = (out / "Caddyfile").read_text()
    found = re.findall(r'^\t\t(\S+) "([^"]*)"$', caddy, re.MULTILINE)
    assert {name.lower(): value for name, value in found} == HEADERS


def test_only_what_the_package_lists_is_published(tmp_path: Path) -> None:
    package = fake_package(tmp_path / "pkg")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (package / ".env").write_text("secret")
    (package / "link").symlink_to(secret)
    (package / "folder").symlink_to(tmp_path)
    deploy("static", [package], tmp_path / "out")
    found = {path.name for path in (tmp_path / "out").rglob("*")}
    assert not found & {".env", "link", "folder", "secret"}


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "link", "folder/secret", "missing"])
def test_what_is_listed_must_be_a_file_of_the_package(tmp_path: Path, name: str) -> None:
    package = fake_package(tmp_path / "pkg")
    (tmp_path / "secret").write_text("secret")
    (package / "link").symlink_to(tmp_path / "secret")
    (package / "folder").symlink_to(tmp_path)
    (package / "package.json").write_text(json.dumps({"files": ["model.json", name]}))
    with pytest.raises(UserError) as caught:
        deploy("static", [package], tmp_path / "out")
    assert caught.value.slug == "file-missing"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"files": 3}', "[" * 100_000])
def test_a_damaged_list(tmp_path: Path, text: str) -> None:
    package = fake_package(tmp_path / "pkg")
    (package / "package.json").write_text(text)
    with pytest.raises(UserError) as caught:
        deploy("static", [package], tmp_path / "out")
    assert caught.value.slug == "file-corrupt"
