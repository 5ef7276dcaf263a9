"""Which lines of wasm_torch_web run, in each process that has this folder on PYTHONPATH.

Python imports a module of this name by itself at its start. The lines are written into the folder
$WTW_COVERAGE when the process ends; one that is killed tells nothing.
"""

import atexit
import json
import os
import uuid
from pathlib import Path

import slipcover

ROOT = Path(__file__).parents[3]
SOURCE = str(ROOT / "wasm_torch_web")
EXCLUDED = ["if TYPE_CHECKING:"]
KEPT = 1 << 30  # hits after which a probe would be taken out, which costs more than it does


def lines(**options: object) -> slipcover.Slipcover:
    """None of which has run yet."""
    return slipcover.Slipcover(d_miss_threshold=KEPT, exclude_also=EXCLUDED, **options)


def begin() -> None:
    slipcover.ImportManager(RAN, slipcover.FileMatcher([SOURCE])).__enter__()
    atexit.register(write)


def write() -> None:
    """What ran, for good: nothing is written again at the end of the process."""
    atexit.unregister(write)
    os.chdir(ROOT)  # where the names of files begin
    file = Path(os.environ["WTW_COVERAGE"]) / str(uuid.uuid4())
    file.write_text(json.dumps(RAN.get_coverage()))
    file.rename(file.with_suffix(".json"))  # it is whole


RAN = lines()
if __name__ == "sitecustomize":
    begin()
