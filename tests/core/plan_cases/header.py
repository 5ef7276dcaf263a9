"""Damaged headers, and files that end where they should not."""

from __future__ import annotations

import struct

from plan_cases.case import Suite, put
from wasm_torch_web.format.plan import SECTIONS

SUITE = Suite("plan_header.cc")
SECTION = "next(&p.strings)"

SUITE.add("size >= sizeof(Header)", "short", lambda plan: plan.__delitem__(slice(200, None)), True)
SUITE.add("header.magic", "magic", put("<B", 0, 0), True)
SUITE.add("header.abi != kAbi", "abi", put("<I", 8, 1), True)
SUITE.add("header.sections == kSections", "sections", put("<I", 12, 11), True)
SUITE.add("header.bytes == size", "size", put("<Q", 16, 1 << 40), True)
SUITE.add(SECTION, "gap", put("<Q", 24, 224), True)
for _index, _section in enumerate(SECTIONS):
    SUITE.add(SECTION, f"count-{_section}", put("<Q", 32 + 16 * _index, 1 << 60), True)


@SUITE.edit("padded(end) == size", on_bytes=True)
def trailing_bytes(plan: bytearray) -> None:
    plan += bytes(8)
    struct.pack_into("<Q", plan, 16, len(plan))


@SUITE.edit(SECTION, on_bytes=True)
def cut_inside_padding(plan: bytearray) -> None:
    """The file ends with the strings, before the padding that the next section begins after."""
    offset, count = struct.unpack_from("<QQ", plan, 24)
    assert (offset + count) % 8
    del plan[offset + count :]
    struct.pack_into("<Q", plan, 16, len(plan))
