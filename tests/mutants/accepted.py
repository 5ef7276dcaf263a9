"""Mutants that may survive: a piece of what the report shows of each, under the reason."""

from __future__ import annotations

import re

SAME = "the same on a longer way"
ROOM = "more memory than is needed"
NEXT = "one record further is read, where its value comes to nothing"
TABLE = "no row of the operator table has an optional or packed output"
ACCEPTED: dict[str, tuple[str, ...]] = {
    SAME: (
        # What is not longer in code units is not longer in code points.
        "text.length < «2→3» * least &&",
        "text.length < 2 «*→+» least &&",
        "text.length «<→<=» 2 * least &&",
        "text.length «>→>=» most && [...text]",
        "schema.ts: «return undefined;→;»",  # at the end of a function
        "manifest.ts: «return undefined;→;»",
        "if (!any) «return Code::ok;→;»",
        "stream.read(«1→2» << 20)",  # in larger pieces
        "stream.read(1 << «20→21»)",
        "file.read(MAX_BYTES + «1→2»)",  # which is too many as well
        "«if (→if (true || »depth_ > 0) cells_[logged_++]",  # a log that nothing reads
        "plan_decisions.cc: if (first «<→<=» 0 ||",  # no region holds node 0
        "plan_decisions.cc: if (first < «0→1» ||",
        "plan_control.cc: «return true;→;»",  # an `unwrite` of nothing
        "i «<→<=» part.middle; ++i) cells_[cells_[i].logged].both = false",  # what is false
    ),
    TABLE: ("operand(checker, spec.outputs[i], plan.output(node, i), «true→false»)",),
    ROOM: ("n «<→<=» program.nodes; ++n) most += plan.nodes",),
    NEXT: ("for (uint32_t i = 0; i «<→<=» plan.symbols.count; ++i) {",),
}


def reason_of(shown: str) -> str | None:
    """Why this mutant may survive, if it may."""
    text = re.sub(r":\d+: ", ": ", shown, count=1)
    for reason, pieces in ACCEPTED.items():
        if any(piece in text for piece in pieces):
            return reason
    return None
