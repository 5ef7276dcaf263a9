"""Valid documents and files in, strategies of the same with a few things changed out."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

from bad_inputs.corpus.places import changed, places
from hypothesis import strategies as st

EXTREMES = (0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 10**30)
TEXTS = ("", "../x", "__proto__", "constructor", "\0", "\ud800", "a\n", "x" * 300, "</script>")
numbers = st.sampled_from(EXTREMES) | st.integers(-9, 99) | st.floats()
texts = st.sampled_from(TEXTS) | st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def documents(draw: Callable[..., Any], valid: Sequence[Any]) -> Any:
    """A document with one to three items replaced by others (some of its own), added or removed."""
    document = copy.deepcopy(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(document, every=False)) or [((), document)]
        path, item = draw(st.sampled_from(found))
        if not path:
            continue
        changed(document, path, _change(draw, item, found))
    return document


def _change(draw: Callable[..., Any], item: Any, found: Sequence[Any]) -> Callable[..., None]:
    kind = draw(st.sampled_from(["other", "near", "borrowed", "removed", "added"]))
    if kind == "near" and isinstance(item, int):
        value: Any = item + draw(st.sampled_from([-1, 1, 64, -64]))
    elif kind == "borrowed":
        value = copy.deepcopy(draw(st.sampled_from(found))[1])
    elif kind == "added" and isinstance(item, list):
        value = [*item, draw(st.sampled_from(item) if item else values)]
    elif kind == "added" and isinstance(item, dict):
        value = {**item, draw(texts): draw(values)}
    else:
        value = draw(values)

    def change(holder: Any, key: Any) -> None:
        if kind == "removed":
            del holder[key]
        else:
            holder[key] = value

    return change


@st.composite
def json_files(draw: Callable[..., Any], valid: Sequence[Any]) -> bytes:
    """Such a document as a file; now and then the file itself is damaged."""
    content = json.dumps(draw(documents(valid))).encode()
    return content if draw(st.integers(0, 9)) else draw(damaged([content]))


@st.composite
def damaged(draw: Callable[..., Any], files: Sequence[bytes]) -> bytes:
    """A file with one to four runs of bytes replaced, moved in, removed, or its end cut off."""
    content = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["byte", "word", "extreme", "remove", "copy", "insert", "cut"])):
            case "byte":
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "word":
                content[at : at + 4] = draw(st.binary(min_size=4, max_size=4))
            case "extreme":
                value, size = draw(st.sampled_from(EXTREMES)), draw(st.sampled_from([1, 2, 4, 8]))
                content[at : at + size] = (value % 256**size).to_bytes(size, "little")
            case "remove":
                del content[at : at + draw(st.integers(1, 64))]
            case "copy":
                start = draw(st.integers(0, max(0, len(content) - 1)))
                content[at:at] = content[start : start + draw(st.integers(1, 64))]
            case "insert":
                content[at:at] = draw(st.binary(max_size=16))
            case _:
                del content[at:]
    return bytes(content)
