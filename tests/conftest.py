"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from support.engines import VARIANTS_OF, Engine, chromium, started
from support.served import Packages

from wasm_torch_web.benchmark import package
from wasm_torch_web.verify.chromium import launched

pytest_plugins = ["support.coverage", "support.csrc_coverage"]
CHROMIUM = "chromium"


def pytest_addoption(parser: pytest.Parser) -> None:
    known = ", ".join(VARIANTS_OF)
    text = f"run just the tests that any browser engine passes, in these: {known}"
    parser.addoption("--engine", type=lambda names: names.split(","), help=text)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes an `engine` runs in each; with `variant`, in each variant that it has."""
    if "engine" not in metafunc.fixturenames:
        return
    names = metafunc.config.getoption("engine") or [CHROMIUM]
    if "variant" in metafunc.fixturenames:
        pairs = [(name, variant) for name in names for variant in VARIANTS_OF[name]]
        metafunc.parametrize("engine, variant", pairs, indirect=["engine"], scope="session")
    else:
        metafunc.parametrize("engine", names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("engine"):
        return
    takes = {item: "engine" in getattr(item, "fixturenames", ()) for item in items}
    config.hook.pytest_deselected(items=[item for item in items if not takes[item]])
    items[:] = [item for item in items if takes[item]]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The one Chromium of a test process: Playwright starts no second one in the same thread."""
    with launched() as running:
        yield running


@pytest.fixture
def one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what measures, not of the figures: each is of one page, not of several."""
    monkeypatch.setattr(package, "PAGES", 1)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A running browser: Chromium, unless --engine names others."""
    if request.param == CHROMIUM:
        yield chromium.engine(request.getfixturevalue("browser"))
        return
    with started(request.param) as running:
        yield running


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Packages by name, each built when it is first asked for."""
    return Packages(tmp_path_factory.mktemp("served"))
