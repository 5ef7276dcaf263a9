"""Large cases of several families with 1, 2 and 5 threads: every bit is the same.

python tests/core/threads.py LIBRARY
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cases import make_plan
from support.native import Library, NativeModel

from wasm_torch_web.format.weights import raw
from wasm_torch_web.ops import ROWS, Case
from wasm_torch_web.ops.samples import channels_last

SECONDS = 20


def cases() -> list[tuple[str, Case]]:
    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))

    winograd = (normal(1, 48, 50, 50), normal(5, 6, 6, 48, 8), normal(40), None)
    image = channels_last(normal(1, 32, 40, 60))
    depthwise = (channels_last(normal(1, 32, 60, 60)), normal(3, 3, 32), normal(32), None)
    heads = normal(1, 4, 200, 32)
    rows = (normal(302, 700), normal(700), normal(700))
    projected = (normal(9, 1, 2048), normal(64, 256, 32), None, normal(1, 256), normal(1, 512))

    return [
        ("linear", Case((normal(150, 256), normal(250, 256), normal(250), None))),
        ("conv2d", Case((image, normal(48, 3, 3, 32), normal(48), None))),
        ("depthwise_conv2d", Case(depthwise, {"padding": (1, 1), "activation": "silu"})),
        ("scaled_dot_product_attention", Case((heads, heads, heads, None), {"scale": 0.2})),
        ("layer_norm", Case(rows, {"normalized_shape": (700,), "eps": 1e-5})),
        ("matmul", Case((normal(3, 70, 130), normal(3, 130, 90)))),
        ("winograd_weight", Case((normal(200, 3, 3, 96),), {"tile": 4})),
        ("winograd_conv2d", Case(winograd, {"padding": (1, 1, 1, 1)})),
        ("lstm_scan", Case((*projected, normal(8, 512, 32)), {"reverse": False})),
        ("sum", Case((normal(200, 3000),), {"dim": (1,), "keepdim": False})),
        ("softmax", Case((normal(300, 500),), {"dim": 1})),
        (
            "add",
            Case(
                (normal(300, 700), normal(700)), {"compute": torch.float32, "dtype": torch.float32}
            ),
        ),
    ]


def outputs(library: Library) -> list[bytes]:
    found = []
    for name, case in cases():
        plan = make_plan(ROWS[name], case, name, constants=False)
        model = NativeModel(library, plan.plan, plan.weights)
        found += [raw(one) for one in model.run(plan.inputs, len(plan.expected))]
        model.close()
    return found


def add_helpers(library: Library, count: int, arrived: int) -> None:
    """Starts helpers and waits until they take part."""
    for _ in range(count):
        helper = library.c.wtw_helper_new()
        threading.Thread(target=library.c.wtw_helper_run, args=(helper,), daemon=True).start()
    end = time.monotonic() + SECONDS
    while library.c.wtw_helpers() < arrived:
        assert time.monotonic() < end, "a helper did not arrive"
        time.sleep(0.01)


def main() -> None:
    library = Library(Path(sys.argv[1]))
    alone = outputs(library)
    add_helpers(library, 1, 1)
    assert outputs(library) == alone
    add_helpers(library, 3, 4)
    assert outputs(library) == alone
    library.c.wtw_set_threads(1)
    assert outputs(library) == alone
    library.c.wtw_helpers_quit()


if __name__ == "__main__":
    main()
