"""A deployment in, the context of `docker build` out."""

from __future__ import annotations

import shutil
from pathlib import Path

from wasm_torch_web.deploy import site, wheel
from wasm_torch_web.deploy.deployment import Deployment
from wasm_torch_web.deploy.templates import write as write_templates
from wasm_torch_web.engine.instance import RUNTIME
from wasm_torch_web.errors import UserError
from wasm_torch_web.serving import monitoring

DASHBOARD = "grafana.json"


def write(folder: Path, deployment: Deployment) -> None:
    """Dockerfile, requirements, this tool, the site. Raises UserError runtime-missing."""
    if not RUNTIME.is_file():
        raise UserError("runtime-missing", path=RUNTIME)
    site.write(folder / "site", deployment)
    write_templates("image", folder, deployment)
    wheel.write(folder / "wheels")


def copy_dashboard(folder: Path) -> None:
    """Grafana's picture of the metrics."""
    shutil.copyfile(Path(monitoring.__file__).with_name(DASHBOARD), folder / DASHBOARD)
