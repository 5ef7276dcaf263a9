"""An operating system and its environment in, the places of Chromium and its kin there out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

# On the PATH of any system, the best first.
COMMANDS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)

# By `sys.platform`: folders, with variables of the environment in braces, and programs in them.
_PLACES = {
    "linux": (
        ("/",),
        (
            "usr/bin/chromium",
            "usr/lib/chromium/chromium",
            "snap/bin/chromium",
            "opt/google/chrome/chrome",
            "opt/microsoft/msedge/msedge",
        ),
    ),
    "darwin": (
        ("/Applications/", "{HOME}/Applications/"),
        (
            "Chromium.app/Contents/MacOS/Chromium",
            "Google Chrome.app/Contents/MacOS/Google Chrome",
            "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
        ),
    ),
    "win32": (
        ("{PROGRAMFILES}\\", "{PROGRAMFILES(X86)}\\", "{LOCALAPPDATA}\\"),
        (
            r"Chromium\Application\chrome.exe",
            r"Google\Chrome\Application\chrome.exe",
            r"Microsoft\Edge\Application\msedge.exe",
        ),
    ),
}


def places(system: str, environment: Mapping[str, str]) -> list[str]:
    """Full paths, the best program first; folders whose variable is not set are left out."""
    folders, programs = _PLACES.get(system, _PLACES["linux"])
    roots = []
    for folder in folders:
        with suppress(KeyError):
            roots.append(folder.format_map(environment))
    return [root + program for program in programs for root in roots]
