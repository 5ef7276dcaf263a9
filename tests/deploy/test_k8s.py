"""`deploy k8s`: manifests that fit one another and the service that they run."""

from __future__ import annotations

from typing import Any

from support.deployed import Deployed, read_yaml, resources, words
from support.served import Packages

from wasm_torch_web.cli.serve import command as serve
from wasm_torch_web.serving.api import Service
from wasm_torch_web.serving.api.routes import Routes
from wasm_torch_web.serving.api.settings import Monitoring, Settings

KINDS = {
    *("Deployment", "Service", "ServiceAccount", "HorizontalPodAutoscaler", "NetworkPolicy"),
    *("PodDisruptionBudget", "Namespace", "Ingress"),
}


def settings(deployed: Deployed) -> dict[str, str]:
    """What the generated ConfigMap holds."""
    base = read_yaml(deployed("k8s") / "base/kustomization.yaml")
    [generated] = base["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generated["literals"])


def pod(deployed: Deployed) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its specification, and its container's."""
    spec = resources(deployed("k8s"))["Deployment"]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    return spec, container


def test_all_that_runs_it(deployed: Deployed) -> None:
    folder = deployed("k8s")
    assert set(resources(folder)) == KINDS
    for place in ("base", "overlays/production"):
        for name in read_yaml(folder / place / "kustomization.yaml")["resources"]:
            assert (folder / place / name).exists(), name


def test_they_mean_the_same_pods(deployed: Deployed) -> None:
    found = resources(deployed("k8s"))
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    specs = {kind: one.get("spec", {}) for kind, one in found.items()}
    for selector in (
        specs["Deployment"]["selector"]["matchLabels"],
        specs["Service"]["selector"],
        specs["PodDisruptionBudget"]["selector"]["matchLabels"],
        specs["NetworkPolicy"]["podSelector"]["matchLabels"],
    ):
        assert selector == labels
    name = found["Deployment"]["metadata"]["name"]
    assert specs["HorizontalPodAutoscaler"]["scaleTargetRef"]["name"] == name
    spec, container = pod(deployed)
    assert spec["serviceAccountName"] == found["ServiceAccount"]["metadata"]["name"]
    base = read_yaml(deployed("k8s") / "base/kustomization.yaml")
    assert container["envFrom"][0]["configMapRef"]["name"] == base["configMapGenerator"][0]["name"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert specs["Service"]["ports"][0]["targetPort"] in ports
    overlay = read_yaml(deployed("k8s") / "overlays/production/kustomization.yaml")
    image = overlay["images"][0]
    assert container["image"] == f"{image['name']}:{image['newTag']}"


def test_the_arguments_are_those_of_serve(deployed: Deployed) -> None:
    """As Kubernetes puts the settings into them, behind the image's entry point."""
    _, container = pod(deployed)
    known = settings(deployed)
    filled = [known[a[2:-1]] if a.startswith("$(") else a for a in container["args"]]
    assert {a[2:-1] for a in container["args"] if a.startswith("$(")} == set(known)
    dockerfile = deployed("k8s") / "image/Dockerfile"
    _, _, *entry = words(dockerfile, "ENTRYPOINT")
    given = serve.make_context("serve", [*entry, *filled]).params
    assert given["workers"] == 2 and given["hosts"] == ("*",)
    image = serve.make_context("serve", [*entry, *words(dockerfile, "CMD")]).params
    assert {**given, "hosts": ()} == image


def test_it_ends_after_the_service_has(deployed: Deployed) -> None:
    spec, container = pod(deployed)
    asleep = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] > float(settings(deployed)["DRAIN"]) + asleep


def test_memory_holds_what_the_workers_may_take(deployed: Deployed) -> None:
    _, container = pod(deployed)
    known = settings(deployed)
    mib = {name: int(known[name].removesuffix("MiB")) for name in ("MEMORY_LIMIT", "ROOM")}
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert limit > int(known["WORKERS"]) * mib["MEMORY_LIMIT"] + mib["ROOM"]


def test_security(deployed: Deployed) -> None:
    """What Kubernetes calls the restricted standard, and a root file system that is read-only."""
    spec, container = pod(deployed)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    policy = resources(deployed("k8s"))["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"] and policy["egress"] == []


def test_probes_and_paths_are_routes_of_the_service(deployed: Deployed, packages: Packages) -> None:
    service = Service([packages("classifier")], Settings(), Monitoring())
    paths = {route.path for route in Routes(service).all()}
    found = resources(deployed("k8s"))
    _, container = pod(deployed)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in paths
    annotations = found["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] in paths
    [rule] = found["Ingress"]["spec"]["rules"]
    reached = {one["path"] for one in rule["http"]["paths"]}
    assert reached <= paths and "/metrics" not in reached


def test_the_autoscaler_counts_a_metric_that_there_is(
    deployed: Deployed, packages: Packages
) -> None:
    metrics = resources(deployed("k8s"))["HorizontalPodAutoscaler"]["spec"]["metrics"]
    [named] = [one["pods"]["metric"]["name"] for one in metrics if one["type"] == "Pods"]
    [rule] = read_yaml(deployed("k8s") / "prometheus-adapter.yaml")["rules"]["custom"]
    assert rule["name"]["as"] == named
    assert rule["seriesQuery"].startswith(f"{named}{{")
    service = Service([packages("classifier")], Settings(), Monitoring())
    known = {family.name for family in service.metrics.registry.collect()}
    assert named in known
