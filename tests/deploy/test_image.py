"""`deploy docker`: the image's requirements and command line, its wheel, what is around it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from support.deployed import Deployed, added_headers, instructions, read_yaml, words

from wasm_torch_web.cli.serve import command as serve
from wasm_torch_web.deploy import wheel
from wasm_torch_web.deploy.headers import HEADERS, HSTS

ROOT = Path(__file__).parents[2]
# What is imported below: distributions that have another name.
DISTRIBUTIONS = {"prometheus_client": "prometheus-client"}
IMPORTS = """
import sys
from wasm_torch_web.cli.serve import command
from wasm_torch_web.serving import serve
from wasm_torch_web.serving.api import Service, worker
import wasm_torch_web.serving.api.routes
print(*sys.modules)
"""


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    return {normal(name): version for name, version in found}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(names: set[str]) -> set[str]:
    """These distributions and all that they need here."""
    found: set[str] = set()
    left = set(names)
    while left:
        name = left.pop()
        found.add(name)
        needed = map(Requirement, metadata.requires(name) or [])
        wanted = {
            normal(r.name) for r in needed if not r.marker or r.marker.evaluate({"extra": ""})
        }
        left |= wanted - found
    return found


def test_requirements_are_what_serving_needs(deployed: Deployed) -> None:
    """Those that are imported, with theirs, in the versions that these tests run with."""
    text = (deployed("docker") / "image/requirements.txt").read_text()
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    own = metadata.requires("wasm-torch-web") or []
    direct = {normal(Requirement(r).name) for r in own if "extra ==" not in r}
    imported = {normal(DISTRIBUTIONS.get(name, name)) for name in tops} & direct
    assert "torch" not in imported
    assert set(pins(text)) == closure(imported | {"rich", "wasmtime"})
    assert pins(text).items() <= pins((ROOT / "requirements.txt").read_text()).items()


def test_the_command_lines_are_those_of_serve(deployed: Deployed) -> None:
    dockerfile = deployed("docker") / "image/Dockerfile"
    program, name, *entry = words(dockerfile, "ENTRYPOINT")
    assert (program, name) == ("wasm-torch-web", "serve")
    compose = read_yaml(deployed("docker") / "compose.yaml")["services"]["service"]
    for options in (words(dockerfile, "CMD"), compose["command"]):
        given = serve.make_context("serve", [*entry, *options]).params
        assert (given["host"], given["port"], given["workers"]) == ("0.0.0.0", 8000, 2)
        assert given["api"] and given["monitoring"]
    for package in given["packages"]:
        copied = deployed("docker") / "image" / package.relative_to("/")
        assert (copied / "model.json").is_file()


def test_the_last_stage_is_nobody(deployed: Deployed) -> None:
    found = instructions(deployed("docker") / "image/Dockerfile")
    last = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    stage = dict(found[last:])
    assert stage["USER"] == "10001:10001"
    assert "RUN" not in stage and "ADD" not in stage
    assert "/v2/health/ready" in stage["HEALTHCHECK"]


def test_the_wheel_is_this_tool(deployed: Deployed, tmp_path: Path) -> None:
    [path] = (deployed("docker") / "image/wheels").iterdir()
    assert wheel.write(tmp_path / "again").read_bytes() == path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    [record] = (data.decode() for name, data in files.items() if name.endswith("/RECORD"))
    rows = [line.split(",") for line in record.splitlines()]
    assert [name for name, _, _ in rows] == list(files)
    for name, digest, size in rows[:-1]:
        found = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).decode()
        assert (digest, int(size)) == (f"sha256={found.rstrip('=')}", len(files[name]))
    assert {
        "wasm_torch_web/runtime/runtime-wasi.wasm",
        "wasm_torch_web/demo/index.html",
        "wasm_torch_web/deploy/templates/image/.dockerignore",
    } <= set(files)
    assert not any("__pycache__" in name for name in files)


def test_containers_have_no_more_than_they_need(deployed: Deployed) -> None:
    compose = read_yaml(deployed("docker") / "compose.yaml")
    for name, service in compose["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"] and service["pids_limit"], name
        if name != "service":
            assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+[\w.-]*", service["image"]), name
    reached = {name for name, one in compose["services"].items() if "ports" in one}
    assert reached == {"nginx", "grafana"}
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("service", "prometheus"):
        assert compose["services"][name]["networks"] == ["inside"]
    for source in (
        volume.partition(":")[0]
        for one in compose["services"].values()
        for volume in one.get("volumes", ())
        if volume.startswith("./") and "certs" not in volume
    ):
        assert (deployed("docker") / source).exists(), source


def test_nginx_sends_the_headers_of_serve(deployed: Deployed) -> None:
    text = deployed("docker") / "nginx/nginx.conf"
    assert added_headers(text) == {**HEADERS, **HSTS}


def test_prometheus_and_grafana_know_each_other(deployed: Deployed) -> None:
    folder = deployed("docker")
    scraped = read_yaml(folder / "prometheus/prometheus.yml")["scrape_configs"][0]
    compose = read_yaml(folder / "compose.yaml")["services"]
    host, port = scraped["static_configs"][0]["targets"][0].split(":")
    assert host in compose and port == "8000"
    [source] = read_yaml(folder / "grafana/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090" and source["isDefault"]
    [provider] = read_yaml(folder / "grafana/dashboards/dashboards.yml")["providers"]
    inside = Path(provider["options"]["path"]).relative_to("/etc/grafana/provisioning")
    dashboard = json.loads((folder / "grafana" / inside / "grafana.json").read_text())
    assert dashboard["panels"]
