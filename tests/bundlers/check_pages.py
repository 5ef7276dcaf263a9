"""The package where pages are not plain: a user's own worker, a service worker, an extension."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from playwright.sync_api import Browser
from support.installed import (
    DATA_ICON,
    NAME,
    PAGE,
    Printed,
    check_emitted_once,
    copy_files,
    opened_page,
    page_script,
    run,
    served,
    visit,
)
from support.tools import binary, install, passes, version

from wasm_torch_web.serving.guard import STRICT_CSP
from wasm_torch_web.verify.chromium import arguments, installed
from wasm_torch_web.verify.tab import ChromiumTab

ANSWER = """
import { load } from '%s';
async function answer() {
  const model = await load();
  const { output } = await model.run({ x: { data: new Float32Array(6), shape: [2, 3] } });
  return { variant: model.info.variant, shape: output.shape, data: output.data };
}
"""
TASK = ANSWER + "answer().then((answered) => postMessage(answered));"
SERVICE = ANSWER + (
    "addEventListener('message', (event) => event.waitUntil(\n"
    "  answer().then((answered) => event.source.postMessage(answered))));\n"
    "addEventListener('activate', (event) => event.waitUntil(clients.claim()));\n"
)
PRINT = """
  console.log(data.variant);
  console.log('output', data.shape, data.data);
"""
OWNER = f"""
const worker = new Worker(new URL('./task.js', import.meta.url), {{ type: 'module' }});
worker.onmessage = ({{ data }}) => {{{PRINT}}};
"""
REGISTER = f"""
navigator.serviceWorker.onmessage = ({{ data }}) => {{{PRINT}}};
await navigator.serviceWorker.register('service.js', {{ type: 'module' }});
(await navigator.serviceWorker.ready).active.postMessage('run');
"""


def test_a_worker_of_the_users_own(browser: Browser, package: Path, project: Path) -> None:
    public = project / "public"
    copy_files(project, "public/model")
    write_page(public, OWNER, {"task.js": TASK % "./model/index.js"})
    for isolated in (True, False):
        with served(public, isolated=isolated) as site:
            printed = visit(browser, site.url)
            site.check_answers()
        printed.check("threads" if isolated else "single")
        passes("a worker of the user's own", browser, printed)


def test_a_worker_of_the_users_own_in_vite(browser: Browser, package: Path, project: Path) -> None:
    install(project, "vite")
    (project / "vite.config.js").write_text("export default { worker: { format: 'es' } };")
    write_page(project, OWNER, {"task.js": TASK % NAME})
    run(binary(project, "vite"), "build", "--logLevel", "warn", cwd=project)
    check_emitted_once(project / "dist", package)
    with served(project / "dist") as site:
        printed = visit(browser, site.url)
        site.check_answers()
    printed.check("threads")
    host = f"Vite {version(project, 'vite')} build, a worker of the user's own"
    passes(host, browser, printed, section="bundlers")


def test_a_service_worker(browser: Browser, project: Path) -> None:
    public = project / "public"
    copy_files(project, "public/model")
    write_page(public, REGISTER, {"service.js": SERVICE % "./model/index.js"})
    with served(public) as site:
        printed = visit(browser, site.url)
        site.check_answers()
    printed.check("single")
    passes("a service worker", browser, printed, "a service worker cannot start workers")


def test_a_page_of_an_extension(browser: Browser, package: Path, project: Path) -> None:
    folder = project / "extension"
    copy_files(project, "extension/model")
    write_page(folder, page_script(package, "./model/index.js"), {})
    manifest = {
        "manifest_version": 3,
        "name": "A model",
        "version": "1.0",
        "content_security_policy": {
            "extension_pages": STRICT_CSP.partition(" frame")[0] + DATA_ICON
        },
        "cross_origin_embedder_policy": {"value": "require-corp"},
        "cross_origin_opener_policy": {"value": "same-origin"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    printed = visit_extension(browser, folder)
    printed.check("threads")
    passes("a page of an extension (manifest 3), strict CSP", browser, printed)


def visit_extension(browser: Browser, folder: Path) -> Printed:
    """Opens index.html of an unpacked extension, whose name follows from its path."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    name = "".join(chr(ord("a") + int(digit, 16)) for digit in digest)
    context = browser.browser_type.launch_persistent_context(
        folder.with_name("profile"),
        executable_path=installed(),
        headless=True,
        args=[*arguments(), f"--disable-extensions-except={folder}", f"--load-extension={folder}"],
    )
    try:
        opened = ChromiumTab(context.new_page())
        printed = opened_page(opened.page, f"chrome-extension://{name}/index.html")
        assert opened.errors == []
        return printed
    finally:
        context.close()


def write_page(folder: Path, script: str, files: dict[str, str]) -> None:
    """A page with its main.js."""
    (folder / "index.html").write_text(PAGE)
    for name, text in {"main.js": script, **files}.items():
        (folder / name).write_text(text)
