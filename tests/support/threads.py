"""Plans on the native build with several threads: their outputs, and what there is to split."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from support.cases import Plan
from support.native import Library, NativeModel
from torch import Tensor

SECONDS = 20


def run(library: Library, plan: Plan) -> tuple[list[Tensor], int]:
    """The outputs, and the most chunks of a parallel region; 0 where there is none."""
    library.c.wtw_most_chunks()
    model = NativeModel(library, plan.plan, plan.weights)
    outputs = model.run(plan.inputs, len(plan.expected))
    model.close()
    return outputs, library.c.wtw_most_chunks()


@contextmanager
def helpers(library: Library, count: int) -> Iterator[None]:
    """So many threads beside the caller take part. Only once: a library that they have left
    takes no others."""
    threads = []
    for _ in range(count):
        helper = library.c.wtw_helper_new()
        threads.append(threading.Thread(target=library.c.wtw_helper_run, args=(helper,)))
        threads[-1].start()
    try:
        end = time.monotonic() + SECONDS
        while library.c.wtw_helpers() < count:
            assert time.monotonic() < end, "a helper did not arrive"
            time.sleep(0.01)
        yield
    finally:
        library.c.wtw_helpers_quit()
        for thread in threads:
            thread.join()
