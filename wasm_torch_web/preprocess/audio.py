"""An input's port and settings for sounds in, its checked entry of the manifest out."""

from __future__ import annotations

from typing import Any

from wasm_torch_web.preprocess.spec import Refused


def entry(port: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """A row of a fixed size that is no window is a length. Raises Refused."""
    name, shape = port["name"], port["shape"]
    if port["dtype"] != "float32" or not shape:
        raise Refused(f"{name} is {port['dtype']} {shape}; sounds become float32 of 1 axis or more")
    if "rate" not in settings:
        raise Refused("how many samples a second does the model take? Add rate=16000, say")
    found = {"kind": "audio", **{key: value for key, value in settings.items() if value}}
    row = shape[-1] if isinstance(shape[-1], int) else None
    window, length = found.get("window"), found.get("length")
    if "hop" in found and window is None:
        raise Refused("hop without window")
    if window is None and length is None and row is not None:
        length = found["length"] = row
    if row not in (None, length if window is None else window):
        made = length if window is None else window
        raise Refused(f"rows become {made or 'as long as the sound'}, but {name} has rows of {row}")
    if window is not None and length is not None and length < window:
        raise Refused(f"length is {length}, less than a window of {window}")
    _check_leading(name, shape, found)
    return found


def _check_leading(name: str, shape: list[Any], found: dict[str, Any]) -> None:
    """All axes before the row are 1, save the windows'."""
    leading = shape[:-1]
    if "window" in found:
        if not leading:
            raise Refused(f"{name} has no axis for windows")
        rows, leading = leading[-1], leading[:-1]
        _check_rows(name, rows, found)
    if any(isinstance(size, int) and size != 1 for size in leading):
        raise Refused(f"{name} is {shape}: one sound at a time fills 1 x ... x 1 rows")


def _check_rows(name: str, rows: Any, found: dict[str, Any]) -> None:
    if not isinstance(rows, int):
        return
    window, length = found["window"], found.get("length")
    made = None if length is None else (length - window) // found.get("hop", window) + 1
    if made != rows:
        needed = window + (rows - 1) * found.get("hop", window)
        raise Refused(f"{name} has {rows} rows: length={needed} gives as many")
