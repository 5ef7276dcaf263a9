"""The whole corpus: python -m corpus FOLDER [small], from tests/bad_inputs."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from wasm_torch_web.verify.chromium import launched

from . import packages, running


def main() -> None:
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)

    (folder / "packages").mkdir(parents=True)
    (folder / "cases").mkdir()
    built = packages.write(folder / "packages")
    for name in built:
        if name != "large":  # the weights of the fuzz target are smaller
            (folder / f"{name}.seed").write_bytes(packages.fuzz_seed(built[name]))
    say("packages are built")
    cases = running.cases_of(built, every=not sys.argv[2:])
    with launched() as browser:
        found = running.findings(cases, folder / "cases", browser, say)
    print("\n".join(found))
    say(f"{len(found)} findings")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
