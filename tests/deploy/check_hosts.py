"""The folder of `deploy static` on Debian's web servers, with the files that are for them."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser
from support.browser import tab
from support.container import DEBIAN, sandboxed
from support.debian import environment, unpacked
from support.deployed import Deployed, check_page
from support.ports import free_port
from support.proxied import brotli_module, nginx, running

from wasm_torch_web.deploy.headers import HEADERS

ROOT = "/var/www/classifier"
NGINX = """
error_log stderr warn;
pid /tmp/nginx.pid;
events {{}}
http {{
  include /etc/nginx/mime.types;
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  {server}
}}
"""
APACHE = """
ServerRoot /tmp
ServerName localhost
Listen 127.0.0.1:{port}
PidFile /tmp/apache.pid
ErrorLog /dev/stderr
{modules}
TypesConfig /dev/null
AddType text/html .html
AddType text/css .css
AddType image/svg+xml .svg
AddType application/json .json
DirectoryIndex index.html
DocumentRoot {root}
<Directory {root}>
  AllowOverride All
  Require all granted
</Directory>
"""
APACHE_MODULES = ("mpm_event", "authz_core", "dir", "mime", "headers", "rewrite")
COMPRESSED = "package/runtime-relaxed-threads.wasm"


def changed(text: str, **changes: str) -> str:
    """Each is there once."""
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def check_host(browser: Browser, port: int, site: Path) -> None:
    """Page, headers, compressed files; nothing that begins with a dot."""
    url = f"http://127.0.0.1:{port}"
    with tab(browser) as opened:
        opened.goto(url)
        assert opened.evaluate("() => crossOriginIsolated")
        check_page(opened)
    for taken, ending in (("gzip, br", ".br"), ("gzip", ".gz"), ("identity", "")):
        request = urllib.request.Request(f"{url}/{COMPRESSED}", headers={"accept-encoding": taken})
        with urllib.request.urlopen(request) as response:
            assert response.read() == (site / f"{COMPRESSED}{ending}").read_bytes()
            assert response.headers["content-type"] == "application/wasm"
            encoding = {".br": "br", ".gz": "gzip", "": None}[ending]
            assert response.headers["content-encoding"] == encoding
            found = {name: response.headers.get_all(name) for name in HEADERS}
            assert found == {name: [value] for name, value in HEADERS.items()}
    try:
        urllib.request.urlopen(f"{url}/.htaccess")
    except urllib.error.HTTPError as error:
        assert error.code in (403, 404)
    else:
        raise AssertionError("a file that begins with a dot was served")


def test_nginx(browser: Browser, deployed: Deployed, tmp_path: Path) -> None:
    site, port = deployed("static") / "site", free_port()
    server = changed(
        (deployed("static") / "nginx.conf").read_text(),
        **{
            "listen 80;": f"listen 127.0.0.1:{port};",
            "listen [::]:80;": "",
            "# brotli_static on;": "brotli_static on;",
        },
    )
    (tmp_path / "nginx.conf").write_text(brotli_module() + NGINX.format(server=server))
    places = {ROOT: site}
    command, env = nginx(tmp_path / "nginx.conf", tmp_path, places, "-g", "daemon off;")
    with running(command, env, port, tmp_path):
        check_host(browser, port, site)


def test_apache(browser: Browser, deployed: Deployed, tmp_path: Path) -> None:
    root = unpacked(DEBIAN / "apache", "apache2-bin", "libapr1", "libaprutil1")
    site, port = deployed("static") / "site", free_port()
    modules = "\n".join(
        f"LoadModule {name}_module {root}/usr/lib/apache2/modules/mod_{name}.so"
        for name in APACHE_MODULES
    )
    (tmp_path / "apache.conf").write_text(APACHE.format(port=port, modules=modules, root=ROOT))
    places = {str(root): root, ROOT: site, "/etc/apache.conf": tmp_path / "apache.conf"}
    server = [f"{root}/usr/sbin/apache2", "-D", "FOREGROUND", "-f", "/etc/apache.conf"]
    with running(sandboxed(server, tmp_path, places), environment(root), port, tmp_path):
        check_host(browser, port, site)


def test_caddy(browser: Browser, deployed: Deployed, tmp_path: Path) -> None:
    root = unpacked(DEBIAN / "caddy", "caddy")
    site, port = deployed("static") / "site", free_port()
    text = (deployed("static") / "Caddyfile").read_text()
    text = text.replace("\n:80 {", f"\nhttp://127.0.0.1:{port} {{")
    (tmp_path / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}")
    places = {str(root): root, ROOT: site, "/etc/Caddyfile": tmp_path / "Caddyfile"}
    server = [f"{root}/usr/bin/caddy", "run", "--config", "/etc/Caddyfile"]
    with running(sandboxed(server, tmp_path, places), {"HOME": "/tmp"}, port, tmp_path):
        check_host(browser, port, site)
