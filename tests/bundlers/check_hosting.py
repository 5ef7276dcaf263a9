"""The recipes in headers/ on the servers they are for, or read by the parsers of their hosts."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from support import debian
from support.compatibility import record
from support.debian import environment, unpacked
from support.installed import PAGE, copy_files, page_script, visit
from support.ports import free_port
from support.tools import binary, install, passes, serving, version

DEBIAN = Path(__file__).parents[2] / "build" / "debian"
ISOLATION = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
}
NGINX = """
daemon off;
error_log stderr warn;
pid {folder}/nginx.pid;
load_module {root}/usr/lib/nginx/modules/ngx_http_brotli_static_module.so;
events {{}}
http {{
  include {root}/etc/nginx/mime.types;
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {site};
    {recipe}
  }}
}}
"""
APACHE = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
User www-data
Group www-data
{modules}
TypesConfig /dev/null
AddType text/html .html
AddType application/json .json
DirectoryIndex index.html
DocumentRoot {site}
<Directory {site}>
  AllowOverride All
  Require all granted
</Directory>
"""
APACHE_MODULES = ("mpm_event", "authz_core", "dir", "mime", "headers", "rewrite")
CADDY = """
{{
	admin off
	auto_https off
}}
http://127.0.0.1:{port} {{
	root * {site}
	{recipe}
}}
"""
EXPRESS = """
import express from 'express';
import {{ isolated }} from './isolated.js';

const app = express();
app.use(isolated);
app.use(express.static('{site}'));
app.listen({port}, '127.0.0.1');
"""
NETLIFY = """
import { parseAllHeaders } from '@netlify/headers-parser';
const { headers, errors } = await parseAllHeaders({
  headersFiles: ['_headers'], configHeaders: [], minimal: true,
});
console.log(JSON.stringify({ headers, errors: errors.map(String) }));
"""
VERCEL = """
const { readFileSync } = require('node:fs');
const { getTransformedRoutes } = require('@vercel/routing-utils');
console.log(JSON.stringify(getTransformedRoutes(JSON.parse(readFileSync('vercel.json')))));
"""


@pytest.fixture
def site(package: Path, project: Path) -> Iterator[Path]:
    """A folder with a page that servers under another user's name can read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        copy_files(project, f"{folder}/model", "--brotli")
        (Path(folder) / "index.html").write_text(PAGE)
        (Path(folder) / "main.js").write_text(page_script(package, "./model/index.js"))
        yield Path(folder)


def check_site(browser: Browser, url: str, host: str, recipe: str) -> None:
    """The page is isolated, so that it has threads."""
    printed = visit(browser, url)
    printed.check("threads")
    passes(host, browser, printed, f"headers/{recipe}", "servers")


def check_brotli(url: str) -> None:
    """The compressed file comes to whoever takes it, as what it is, the plain one to others."""
    address = f"{url}/model/runtime-relaxed-threads.wasm"
    for taken, encoding in (("gzip, br", "br"), ("identity", None)):
        request = urllib.request.Request(address, headers={"accept-encoding": taken})
        with urllib.request.urlopen(request) as response:
            assert response.headers["content-encoding"] == encoding
            assert response.headers["content-type"] == "application/wasm"
            assert {name: response.headers[name] for name in ISOLATION} == ISOLATION


def test_nginx(browser: Browser, package: Path, site: Path, tmp_path: Path) -> None:
    root = unpacked(DEBIAN / "nginx", "nginx", "nginx-common", "libnginx-mod-http-brotli-static")
    recipe = (package / "headers/nginx.conf").read_text()
    recipe = recipe.replace("# brotli_static on;", "brotli_static on;")
    folder, port = tmp_path / "nginx", free_port()
    folder.mkdir()
    text = NGINX.format(root=root, folder=folder, site=site, port=port, recipe=recipe)
    (folder / "nginx.conf").write_text(text)
    command = [root / "usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]
    with serving(command, port, folder, environment(root)) as url:
        check_site(browser, url, f"nginx {debian.version(root, 'nginx')}", "nginx.conf")
        check_brotli(url)


def test_apache(browser: Browser, package: Path, site: Path, tmp_path: Path) -> None:
    root = unpacked(DEBIAN / "apache", "apache2-bin", "libapr1", "libaprutil1")
    shutil.copy(package / "headers/apache.htaccess", site / ".htaccess")
    folder, port = tmp_path / "apache", free_port()
    folder.mkdir()
    modules = "\n".join(
        f"LoadModule {name}_module {root}/usr/lib/apache2/modules/mod_{name}.so"
        for name in APACHE_MODULES
    )
    text = APACHE.format(folder=folder, site=site, port=port, modules=modules)
    (folder / "apache.conf").write_text(text)
    command = [root / "usr/sbin/apache2", "-D", "FOREGROUND", "-f", folder / "apache.conf"]
    with serving(command, port, folder, environment(root)) as url:
        host = f"Apache {debian.version(root, 'apache2-bin')}"
        check_site(browser, url, host, "apache.htaccess")
        check_brotli(url)


def test_caddy(browser: Browser, package: Path, site: Path, tmp_path: Path) -> None:
    root = unpacked(DEBIAN / "caddy", "caddy")
    recipe = (package / "headers/Caddyfile").read_text().replace("\n", "\n\t")
    folder, port = tmp_path / "caddy", free_port()
    folder.mkdir()
    (folder / "Caddyfile").write_text(CADDY.format(site=site, port=port, recipe=recipe))
    command = [root / "usr/bin/caddy", "run", "--config", folder / "Caddyfile"]
    with serving(command, port, folder, {"HOME": str(folder)}) as url:
        check_site(browser, url, f"Caddy {debian.version(root, 'caddy')}", "Caddyfile")
        check_brotli(url)


def test_express(browser: Browser, package: Path, project: Path, site: Path) -> None:
    install(project, "express")
    shutil.copy(package / "headers/express.js", project / "isolated.js")
    port = free_port()
    (project / "server.js").write_text(EXPRESS.format(site=site, port=port))
    with serving(["node", "server.js"], port, project) as url:
        host = f"Express {version(project, 'express')}"
        check_site(browser, url, host, "express.js")


def test_cloudflare_pages(browser: Browser, package: Path, project: Path, site: Path) -> None:
    install(project, "wrangler")
    shutil.copy(package / "headers/_headers", site)
    port = free_port()
    command = [binary(project, "wrangler"), "pages", "dev", site, "--ip", "127.0.0.1"]
    # By default that is today, which the server may be too old for.
    options = ["--port", str(port), "--compatibility-date", "2026-01-01"]
    with serving([*command, *options], port, project) as url:
        host = f"Cloudflare Pages (wrangler {version(project, 'wrangler')})"
        check_site(browser, url, host, "_headers")


def node_json(project: Path, name: str, script: str) -> dict[str, Any]:
    """What a script prints."""
    (project / name).write_text(script)
    result = subprocess.run(["node", name], cwd=project, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def read_by(host: str, parser: str) -> None:
    """A row for a host that only its parser stands for."""
    record(host, "", "recipe", "is read as it is meant", parser, "servers")


def test_netlify_reads_the_recipe(package: Path, project: Path) -> None:
    install(project, "@netlify/headers-parser")
    shutil.copy(package / "headers/_headers", project)
    found = node_json(project, "netlify.mjs", NETLIFY)
    assert found["errors"] == []
    [rule] = found["headers"]
    assert rule["for"] == "/*"
    assert {name.lower(): value for name, value in rule["values"].items()} == ISOLATION
    read_by("Netlify", f"@netlify/headers-parser {version(project, '@netlify/headers-parser')}")


def test_vercel_reads_the_recipe(package: Path, project: Path) -> None:
    install(project, "@vercel/routing-utils")
    shutil.copy(package / "headers/vercel.json", project)
    found = node_json(project, "vercel.cjs", VERCEL)
    assert found["error"] is None
    [route] = (r for r in found["routes"] if "headers" in r)
    assert {name.lower(): value for name, value in route["headers"].items()} == ISOLATION
    read_by("Vercel", f"@vercel/routing-utils {version(project, '@vercel/routing-utils')}")
