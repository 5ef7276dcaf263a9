"""The image of `deploy docker`, built and run without a container engine (`support.container`)."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from support.container import Container, Image, family
from support.deployed import Deployed, read_yaml, words
from support.served import Packages

import wasm_torch_web

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")
PROBE = """
import os
places = []
for place in ("/", "/site", "/site/package", "/opt/serve", "/usr", "/etc"):
    try:
        open(f"{place}/probe", "w").close()
        places.append(place)
    except OSError:
        pass
open("/tmp/probe", "w").close()
print(os.getuid(), os.getgid(), places)
"""


@pytest.fixture(scope="session")
def image(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image.built(deployed("docker") / "image", tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def container(image: Image) -> Iterator[Container]:
    with image.running() as found:
        yield found


def test_hadolint_has_nothing_to_say(deployed: Deployed, tools: Path) -> None:
    dockerfile = deployed("docker") / "image/Dockerfile"
    done = subprocess.run([tools / "hadolint", dockerfile], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_there_are_wheels_for_the_image(
    deployed: Deployed, tools: Path, tmp_path: Path, platform: str
) -> None:
    """Of every requirement, for the Python of the image."""
    requirements = deployed("docker") / "image/requirements.txt"
    options = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.11"]
    for older in (platform, "manylinux2014_" + platform.partition("28_")[2]):
        options += ["--platform", older]
    command = [tools / "pip", "download", "-q", *options, "-d", tmp_path, "-r", requirements]
    subprocess.run(command, check=True)
    pinned = [line for line in requirements.read_text().splitlines() if "==" in line]
    assert len(list(tmp_path.iterdir())) == len(pinned)


def test_it_has_no_torch(image: Image) -> None:
    assert "No module named 'torch'" in image.run(["python", "-c", "import torch"]).stderr
    found = image.run(["python", "-m", "pip", "check"])
    assert found.returncode == 0, found.stdout


def test_it_is_nobody_and_writes_nowhere_but_in_tmp(image: Image) -> None:
    done = image.run(["python", "-c", PROBE])
    assert done.stdout.strip() == "10001 10001 []", done.stderr


def test_its_processes_have_no_rights(container: Container) -> None:
    for pid in family(container.pid):
        status = Path(f"/proc/{pid}/status").read_text()
        told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert int(told["CapEff"], 16) == int(told["CapBnd"], 16) == 0
        assert told["NoNewPrivs"] == "1"


def test_the_health_check(image: Image, container: Container) -> None:
    check = words(image.folder / "Dockerfile", "HEALTHCHECK")
    assert image.run(check, container.port).returncode == 0
    assert image.run(check, 1).returncode != 0


def test_it_gives_the_model_s_answers(container: Container, packages: Packages) -> None:
    x = numpy.linspace(-1, 1, 16, dtype=numpy.float32).reshape(2, 8)
    body = {"name": "x", "datatype": "FP32", "shape": [2, 8], "data": x.reshape(-1).tolist()}
    url = f"http://127.0.0.1:{container.port}/v2/models/classifier/infer"
    with urllib.request.urlopen(url, json.dumps({"inputs": [body]}).encode()) as response:
        found = {one["name"]: one["data"] for one in json.load(response)["outputs"]}
    with wasm_torch_web.load(packages("classifier")) as model:
        expected = model.run(x=x)
    assert found["scores"] == pytest.approx(expected["scores"].reshape(-1).tolist(), abs=1e-6)


def test_the_page_is_there(container: Container) -> None:
    for path, begin in (("", b"<!doctype html>"), ("package/model.json", b"{")):
        with urllib.request.urlopen(f"http://127.0.0.1:{container.port}/{path}") as response:
            assert response.read().startswith(begin)


def test_memory_is_within_what_the_container_gets(container: Container, deployed: Deployed) -> None:
    compose = read_yaml(deployed("docker") / "compose.yaml")
    limit = int(compose["services"]["service"]["mem_limit"].removesuffix("m"))
    taken = sum(map(own_kib, family(container.pid))) >> 10
    print(f"{taken} of {limit} MiB")
    assert 0 < taken < limit


def own_kib(pid: int) -> int:
    """Memory of a process, shared pages in parts."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    [line] = (line for line in text.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1])


def test_stopping_it_is_its_own_end(image: Image) -> None:
    with image.running() as container:
        assert container.stop() == 0
    last = container.log.read_text().splitlines()[-1]
    assert json.loads(last)["event"] == "service-end"
