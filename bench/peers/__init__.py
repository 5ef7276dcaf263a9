"""What the bench compares with, installed beside it on demand: npm packages and converters."""

from __future__ import annotations

import sys
from pathlib import Path

import setup
from common import retry, run

FOLDER = Path(__file__).parent
VENV = FOLDER / ".venv"
MODULES = FOLDER / "node_modules"
PYTHON = VENV / "bin/python"
REQUIREMENTS = FOLDER / "requirements.txt"


def install_libraries() -> None:
    """onnxruntime-web and LiteRT.js, as package-lock.json pins them."""
    setup.install_npm("Peers", FOLDER)


def install_converters() -> None:
    """torch.onnx's and litert-torch's needs, in an environment of their own."""
    inputs: list[Path | str] = [REQUIREMENTS, setup.REQUIREMENTS, setup.SHIM, sys.version]
    setup.step("Peers' converters", VENV, inputs, _create_environment)


def _create_environment() -> None:
    run([sys.executable, "-m", "venv", VENV])
    install: list[str | Path] = [PYTHON, "-m", "pip", "install", "-q"]
    retry(lambda: run([*install, "-r", REQUIREMENTS], quiet=True))
    # Their own pins exclude a CPU build of torch.
    words = setup.REQUIREMENTS.read_text().split()
    pins = [word for word in words if word.startswith(("torchvision==", "timm=="))]
    retry(lambda: run([*install, "--no-deps", *pins], quiet=True))
    setup.install_shim(VENV)
