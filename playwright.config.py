"""How tests show a page: the settings of the browser's tabs, in one place.

How Chromium is found and started is `wasm_torch_web/verify/chromium.py`, which users run as well;
`tests/support/browser.py` opens tabs with what is set here.
"""

# A step of a page (loading it, waiting for something in it) that takes longer has failed.
TIMEOUT_MS = 60_000

# The tabs that tests ask for by name: Playwright's options of a context.
CONTEXTS = {
    "desktop": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "desktop-dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 375, "height": 812},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
        "color_scheme": "light",
    },
}
