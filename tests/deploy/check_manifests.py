"""What `deploy docker` and `deploy k8s` write, read by the tools of their fields."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import debian
from support.container import DEBIAN, Container, sandboxed
from support.debian import environment, unpacked
from support.deployed import Deployed, read_yaml
from support.ports import free_port
from support.proxied import running
from support.service import until

KUBERNETES = ("1.29", "1.33", "1.37")
YAMLLINT = {
    "extends": "default",
    "rules": {
        "line-length": "disable",
        "document-start": "disable",
        "braces": {"max-spaces-inside": 0},
        "comments": {"min-spaces-from-content": 2},
    },
}
COMPOSE = """
import sys
from compose_spec import PyCompose
print(*sorted(PyCompose.from_yaml(sys.stdin.read()).service_names()))
"""


def kubectl() -> str:
    """The one of this machine, else Debian's."""
    found = shutil.which("kubectl")
    return found or str(unpacked(DEBIAN / "kubectl", "kubernetes-client") / "usr/bin/kubectl")


@pytest.fixture(scope="module")
def built(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What kustomize makes of the overlay."""
    overlay = deployed("k8s") / "overlays/production"
    done = subprocess.run(
        [kubectl(), "kustomize", overlay], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    file = tmp_path_factory.mktemp("built") / "all.yaml"
    file.write_text(done.stdout)
    return file


def test_kustomize_puts_it_together(built: Path) -> None:
    found: dict[str, dict[str, Any]] = {
        one["kind"]: one for one in yaml.safe_load_all(built.read_text())
    }
    assert len(found) == 9
    named = found["ConfigMap"]["metadata"]["name"]
    [container] = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert named.startswith("classifier-")  # with a hash: a change makes new pods
    assert container["envFrom"] == [{"configMapRef": {"name": named}}]
    assert container["image"] == "classifier:0.1.0"
    assert set(container["args"][1::2]) - {"*"} == {
        f"$({name})" for name in found["ConfigMap"]["data"]
    }
    assert all(one["metadata"].get("namespace", "models") == "models" for one in found.values())


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(built: Path, tools: Path, version: str) -> None:
    command = [tools / "kubernetes-validate", "--strict", "-k", version, built]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("passed") == 9
    wrong = built.with_name("wrong.yaml")
    wrong.write_text(built.read_text().replace("readinessProbe", "readynessProbe"))
    done = subprocess.run([*command[:-1], wrong], capture_output=True, text=True, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize("kind", ["docker", "k8s"])
def test_yamllint_has_nothing_to_say(deployed: Deployed, tools: Path, kind: str) -> None:
    command = [tools / "yamllint", "--strict", "-d", json.dumps(YAMLLINT), deployed(kind)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_is_one(deployed: Deployed, tools: Path) -> None:
    """Merge keys apart, which are YAML's and not that specification's."""
    read = read_yaml(deployed("docker") / "compose.yaml")
    command = [tools / "python", "-c", COMPOSE]
    done = subprocess.run(command, input=yaml.safe_dump(read), capture_output=True, text=True)
    assert done.stdout.split() == ["grafana", "nginx", "prometheus", "service"], done.stderr
    read["services"]["nginx"]["readonly"] = True
    done = subprocess.run(command, input=yaml.safe_dump(read), capture_output=True, text=True)
    assert done.returncode != 0


def test_prometheus_finds_the_service(
    deployed: Deployed, service: Container, tmp_path: Path
) -> None:
    """And the autoscaler's question is one that it answers."""
    root = unpacked(DEBIAN / "prometheus", "prometheus")
    configuration = deployed("docker") / "prometheus/prometheus.yml"
    promtool = [root / "usr/bin/promtool", "check", "config", configuration]
    subprocess.run(promtool, check=True, env=environment(root))
    text = configuration.read_text().replace("service:8000", f"service:{service.port}")
    changed = tmp_path / "prometheus.yml"
    changed.write_text(text.replace("15s", "1s").replace("10s", "1s"))
    port = free_port()
    command = [f"{root}/usr/bin/prometheus", "--config.file=/etc/prometheus/prometheus.yml"]
    command += ["--storage.tsdb.path=/tmp/data", f"--web.listen-address=127.0.0.1:{port}"]
    places = {str(root): root, "/etc/prometheus/prometheus.yml": changed}
    print(f"Prometheus {debian.version(root, 'prometheus')}")
    sandbox = sandboxed(command, tmp_path, places, user=65534)
    with running(sandbox, environment(root), port, tmp_path):
        until(lambda: asked(port, 'up{job="wasm-torch-web"}') == ["1"])
        rule = read_yaml(deployed("k8s") / "prometheus-adapter.yaml")["rules"]["custom"][0]
        query = rule["metricsQuery"].replace("<<.Series>>", rule["name"]["as"])
        query = query.replace("<<.LabelMatchers>>", 'model="classifier"')
        query = query.replace("<<.GroupBy>>", "instance")
        until(lambda: asked(port, query) == ["0"])


def asked(port: int, query: str) -> list[str]:
    """The values that Prometheus has now; none while it begins."""
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(url) as response:
            found = json.load(response)
    except urllib.error.HTTPError as error:
        assert error.code == 503, error
        return []
    return [one["value"][1] for one in found["data"]["result"]]
