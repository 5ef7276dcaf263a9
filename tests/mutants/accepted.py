"""Mutants that may survive: a piece of what the report shows of each, under the reason."""

from __future__ import annotations

SAME = "the same on a longer way"
ROOM = "more memory than is needed"
NEXT = "one record further is read, where its value comes to nothing"
ACCEPTED: dict[str, tuple[str, ...]] = {
    SAME: (
        "text.length < «2→3» * least &&",
        "text.length «>→>=» most && [...text]",
        "schema.ts:34: «return undefined;→;»",
        "if (!any) «return Code::ok;→;»",
    ),
    ROOM: ("n «<→<=» program.nodes; ++n) most += plan.nodes",),
    NEXT: ("for (uint32_t i = 0; i «<→<=» plan.symbols.count; ++i) {",),
}


def reason_of(shown: str) -> str | None:
    """Why this mutant may survive, if it may."""
    for reason, pieces in ACCEPTED.items():
        if any(piece in shown for piece in pieces):
            return reason
    return None
