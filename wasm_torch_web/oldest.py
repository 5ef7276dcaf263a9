"""The oldest versions of other programs that will do: of packages and of a checkout's set-up."""

from __future__ import annotations

NODE = (20, 16)  # runs packages and our scripts; package.json says so, too
EMSCRIPTEN = (6, 0, 5)  # the first that links shared memory in standalone mode as we need it
