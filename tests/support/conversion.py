"""Ports with preprocessing and values in, the tensors that the package's JavaScript makes of them
out: what a model is given, without a model."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wasm_torch_web.bundle import RUNTIME

SCRIPT = Path(__file__).parents[1] / "preprocess" / "convert.mjs"
NUMPY = {
    "Float32Array": "<f4",
    "Float64Array": "<f8",
    "Uint16Array": "<u2",
    "Uint8Array": "|u1",
}


@dataclass(frozen=True)
class Job:
    """An input's port and the values for it; `many` hands a list over."""

    port: dict[str, Any]
    values: Sequence[dict[str, Any]]
    many: bool = False


def pixels(image: Any) -> dict[str, Any]:
    """A PIL image or an array (H, W, 3 or 4) of bytes as `{ data, width, height }`."""
    array = np.asarray(image)
    height, width, _ = array.shape
    return {"data": array, "width": width, "height": height}


def samples(data: np.ndarray[Any, Any], rate: int, channels: int = 1) -> dict[str, Any]:
    """Samples in turn of the channels as `{ data, sampleRate, channels }`."""
    given = data.astype(np.float32)
    return {"data": given, "type": "Float32Array", "sampleRate": rate, "channels": channels}


def convert(folder: Path, extension: str, jobs: Sequence[Job]) -> list[Tensor]:
    """What `run` is given in Node; float16 as its bits."""
    listed = []
    for number, job in enumerate(jobs):
        values = []
        for index, value in enumerate(job.values):
            file = folder / f"{number}-{index}.raw"
            file.write_bytes(value["data"].tobytes())
            values.append({**value, "data": None, "file": str(file)})
        out = str(folder / f"{number}.out")
        listed.append({"port": job.port, "values": values, "list": job.many, "out": out})
    script = str(RUNTIME / "js" / f"{extension}.js")
    order = folder / "jobs.json"
    order.write_text(json.dumps({"script": script, "extension": extension, "jobs": listed}))
    command = ["node", "--no-warnings", str(SCRIPT), str(order)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    answers = map(json.loads, done.stdout.splitlines())
    return [_tensor(Path(job["out"]), answer) for job, answer in zip(listed, answers, strict=True)]


def _tensor(path: Path, answer: dict[str, Any]) -> Tensor:
    array = np.fromfile(path, NUMPY[answer["array"]]).reshape(answer["shape"])
    return torch.from_numpy(array)
