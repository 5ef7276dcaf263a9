"""A deployment in, the files of a folder of `templates/` out, filled in.

What is filled in is JSON where it is text from a manifest, which YAML, Dockerfiles and exec forms
read as it is meant; all else consists of letters, digits, `-`, `.`, `_`, `/` and `:`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wasm_torch_web.bundle.escape import code
from wasm_torch_web.bundle.templates import filled
from wasm_torch_web.deploy import headers
from wasm_torch_web.deploy.deployment import Deployment
from wasm_torch_web.errors import UserError
from wasm_torch_web.serving.api.failures import refusal
from wasm_torch_web.serving.api.settings import MIB

FOLDER = Path(__file__).with_name("templates")
PORT = 8000
RATE = 20  # requests a second from one address
SERVICE = "service"  # what the container is called in the network of compose.yaml
MARGIN_SECONDS = 15  # of a proxy over its service, and of an orchestrator over both


def write(kind: str, folder: Path, deployment: Deployment) -> None:
    """Every file of the kind, at the place that it has among the templates."""
    given = fields(deployment)
    root = FOLDER / kind
    for source in sorted(path for path in root.rglob("*") if path.is_file()):
        target = folder / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = filled(source.read_text(encoding="utf-8"), given)
        target.write_text(text, encoding="utf-8")


def fields(deployment: Deployment) -> dict[str, str]:
    """What templates may ask for, by name."""
    options = deployment.options
    command = [word for name, value in options.items() for word in (f"--{name}", value)]
    names = [f"{one.manifest['name']} {one.manifest['version']}" for one in deployment.models]
    drain = int(options["drain"])
    return {
        "name": deployment.name,
        "image": deployment.image,
        "tag": json.dumps(deployment.tag),
        "reference": json.dumps(f"{deployment.image}:{deployment.tag}"),
        "build": f"{deployment.image}:{deployment.tag}",
        "models": json.dumps(", ".join(names)),
        "list": "\n".join(f"- {code(name)}" for name in names),
        "first": deployment.models[0].folder,
        "entrypoint": json.dumps(_entrypoint(deployment)),
        "options": json.dumps(command),
        "command": json.dumps([*command, "--allow-host", SERVICE]),
        "args": json.dumps([*_from_environment(options), "--allow-host", "*"]),
        "settings": "\n".join(f"      - {variable(k)}={v}" for k, v in options.items()),
        "workers": str(deployment.workers),
        "memory": str(deployment.memory_bytes // MIB),
        "body": options["max-body"].removesuffix("iB").lower(),
        "answer": str(int(options["wait"]) + int(options["timeout"]) + MARGIN_SECONDS),
        "grace": str(drain + MARGIN_SECONDS),
        "add_headers": headers.lines('    add_header {name} "{value}" always;'),
        "add_hsts": headers.lines('    add_header {name} "{value}" always;', headers.HSTS),
        "hide_headers": headers.lines("      proxy_hide_header {name};"),
        "caddy_headers": headers.lines('\t\t{name} "{value}"'),
        "rate": str(RATE),
        "burst": str(2 * RATE),
        "too_large": _refusal("body-too-large", limit=options["max-body"]),
        "too_many": _refusal("rate-exceeded", rate=RATE),
        "gone": _refusal("worker-lost"),
    }


def variable(option: str) -> str:
    """`max-body` as `MAX_BODY`."""
    return option.upper().replace("-", "_")


def _entrypoint(deployment: Deployment) -> list[str]:
    packages = [f"/site/{one.folder}" for one in deployment.models]
    listening = ["--host", "0.0.0.0", "--port", str(PORT)]  # nosec B104: of the container alone
    return ["wasm-torch-web", "serve", *packages, "--api", "--monitoring", *listening]


def _from_environment(options: dict[str, str]) -> list[str]:
    return [word for name in options for word in (f"--{name}", f"$({variable(name)})")]


def _refusal(slug: str, **given: Any) -> str:
    """What the service itself would send."""
    return bytes(refusal(UserError(slug, **given)).body).decode()
