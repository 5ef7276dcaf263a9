"""A folder in, a runtime that was not compiled out: its "model" echoes its inputs."""

from __future__ import annotations

from pathlib import Path

from wasm_torch_web.bundle import entry

LOADER = Path(__file__).with_name("echo_loader.js")


def fake_runtime(folder: Path) -> Path:
    """The files that `bundle.pack` takes from a runtime."""
    scripts = folder / "js"
    scripts.mkdir(parents=True)
    for name in entry.WASM:
        (folder / name).write_bytes(bytes(5000))
    for name in ("loader.js", "loader.node.js"):
        (scripts / name).write_bytes(LOADER.read_bytes())
    (scripts / "worker.js").write_text("//" + "-" * 5000)
    (scripts / "runtime.d.ts").write_text("export {};")
    for name in ("images", "sounds", "classes"):
        (scripts / f"{name}.js").write_text(f"export const {name} = (model) => model;")
        (scripts / f"{name}.d.ts").write_text("export {};")
    return folder
