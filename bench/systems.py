"""The systems that are compared, in one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """One row.

    Attributes:
        name: for --systems, and in results.
        title: for people.
        artefact: what it loads (bench/artefacts.py); empty where PyTorch itself runs.
        adapter: the page's module that drives it.
        simd: which of our runtimes it is.
    """

    name: str
    title: str
    artefact: str = ""
    adapter: str = ""
    simd: str = ""

    def options(self, url: str, threads: int) -> dict[str, object]:
        """What the adapter's open() gets."""
        options: dict[str, object] = {"url": url, "threads": threads}
        if self.simd:
            options["variant"] = f"{self.simd}-{'threads' if threads > 1 else 'single'}"
        return options


SYSTEMS = {
    system.name: system
    for system in (
        System("ours", "wasm-torch-web", "package", "/benchmark/package.js", "relaxed"),
        System("simd128", "ours, SIMD128", "package", "/benchmark/package.js", "simd128"),
        System("litert", "LiteRT.js", "tflite", "/bench/litert.js"),
        System("ort", "onnxruntime-web", "onnx", "/bench/ort.js"),
        System("eager", "PyTorch eager"),
        System("compile", "torch.compile"),
    )
}
OURS = "ours"
