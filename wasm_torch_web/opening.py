"""What a user hands over in, a captured program out: for every command that takes a SOURCE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch.export import ExportedProgram

from wasm_torch_web import capture, signature
from wasm_torch_web.axes import LARGEST, DynamicAxis, parse_dynamic
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.sources import Options, Source, load
from wasm_torch_web.sources.training import refuse_training
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.reference import Eager, Flat, Reference

Notice = Callable[[str], None]


@dataclass(frozen=True)
class Opened:
    """A source, its program, and the axes that have a name."""

    source: Source
    program: ExportedProgram
    axes: Sequence[DynamicAxis]

    def reference(self) -> Reference:
        """The source as the function that a package is compared with."""
        return Eager(signature.read(self.program), self.source)

    def example(self) -> Flat:
        """The example inputs under the package's names."""
        names = signature.read(self.program)
        return names.flatten_inputs(self.source.args, self.source.kwargs)


def open_source(
    path: str,
    options: Options,
    notice: Notice,
    dynamic: Sequence[str] = (),
    package: Path | None = None,
) -> Opened:
    """Loads and captures a source; with the inputs and axes that `package` was built for where the
    options do not say otherwise.

    Errors: those of `sources.load`, `parse_dynamic`, `capture_source` and `manifest.read`.
    """
    source = load(path, options if package is None else with_recorded(options, package))
    for text in source.notices:
        notice(text)
    return capture_source(source, axes_for(source, dynamic, package), notice)


def with_recorded(options: Options, package: Path) -> Options:
    """The options with the inputs that a package was built for. Errors: those of
    `manifest.read`."""
    manifest = manifests.read(package)
    if not manifest.get("golden"):
        return options
    return replace(options, recorded=golden.read_inputs(package, manifest, 0))


def axes_for(
    source: Source, dynamic: Sequence[str], package: Path | None = None
) -> list[DynamicAxis]:
    """The axes of `--dynamic`; where there are none, those that a package was built with."""
    axes = [parse_dynamic(spec) for spec in dynamic]
    if package is None or axes or source.program is not None:
        return axes
    return _recorded_axes(manifests.read(package))


def capture_source(
    source: Source, axes: Sequence[DynamicAxis], notice: Notice = lambda text: None
) -> Opened:
    """The source's own program, or its module's with these dynamic axes (or its usual ones).

    Errors: dynamic-on-archive, training-program and those of `capture.export_module`.
    """
    if source.program is not None:
        if axes:
            raise UserError("dynamic-on-archive")
        return Opened(source, source.program, source.axes)
    return _captured(source, axes) if axes else _with_usual_axes(source, notice)


def _with_usual_axes(source: Source, notice: Notice) -> Opened:
    """Captured with the source's own axes, else with none, and word of either."""
    if not source.axes:
        return _captured(source, ())
    ranges = {axis.name: f"{axis.name} ({axis.min} to {axis.max})" for axis in source.axes}
    named = ", ".join(ranges.values())
    try:
        opened = _captured(source, source.axes)
    except UserError as error:
        if error.slug not in ("axis-specialised", "capture-failed"):
            raise
        opened = _captured(source, ())
        notice(f"All sizes are those of the example: {named} cannot be dynamic ({error.message}).")
        return opened
    notice(f"Dynamic: {named}; --dynamic chooses other axes, --input sizes that stay.")
    return opened


def _captured(source: Source, axes: Sequence[DynamicAxis]) -> Opened:
    assert source.module is not None
    program = capture.export_module(source.module, source.args, source.kwargs, axes)
    refuse_training(program)
    return Opened(source, program, axes)


def _recorded_axes(manifest: Manifest) -> list[DynamicAxis]:
    """Every axis whose size is a symbol or computed from symbols."""
    ranges = {symbol["name"]: (symbol["min"], symbol["max"]) for symbol in manifest["symbols"]}
    return [
        DynamicAxis(
            port["name"],
            axis,
            *ranges.get(size, (0, LARGEST)),
            symbol=size if size in ranges else None,
        )
        for port in manifest["programs"]["forward"]["inputs"]
        for axis, size in enumerate(port.get("shape", ()))
        if isinstance(size, str)
    ]
