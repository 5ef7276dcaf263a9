"""What a package cannot know in, the routes that tell the demo page out.

`/hints.json` is `{labels, scale, samples: [{name, url}], tokenizer: url}`, each left out where it
is not given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from wasm_torch_web.tokenizer import FILE as TOKENIZER


@dataclass(frozen=True)
class Hints:
    """For models that take pictures or texts, or give class scores.

    Attributes:
        labels: a text file, the name of a class on each line.
        scale: what pixels become: `0..1`, `-1..1` or `imagenet` (mean 0, deviation 1 there).
        samples: pictures that the page offers; it begins with the first.
        tokenizer: a Hugging Face tokenizer.json; the page then has a box for texts.
    """

    labels: Path | None = None
    scale: str | None = None
    samples: Sequence[Path] = ()
    tokenizer: Path | None = None

    def routes(self) -> list[BaseRoute]:
        """`/hints.json`, `/samples/0` and so on, `/tokenizer.json`."""
        files = {_address(i): path for i, path in enumerate(self.samples)}
        if self.tokenizer is not None:
            files[f"/{TOKENIZER}"] = self.tokenizer
        return [
            Route("/hints.json", self._answer),
            *(Route(address, _file(path)) for address, path in files.items()),
        ]

    def _answer(self, request: Request) -> Response:
        hints: dict[str, object] = {}
        if self.labels is not None:
            hints["labels"] = self.labels.read_text(encoding="utf-8").splitlines()
        if self.scale is not None:
            hints["scale"] = self.scale
        if self.samples:
            hints["samples"] = [
                {"name": path.stem, "url": _address(i)[1:]} for i, path in enumerate(self.samples)
            ]
        if self.tokenizer is not None:
            hints["tokenizer"] = TOKENIZER
        return JSONResponse(hints)


def _address(index: int) -> str:
    return f"/samples/{index}"


def _file(path: Path) -> Callable[[Request], Response]:
    return lambda request: FileResponse(path)
