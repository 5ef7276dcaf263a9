"""torchvision's suppression of boxes that others overlap.

The reference is a loop over PyTorch's own operators, and gives shapes alone on fake tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import is_fake

from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import Case, lowers, real, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder

Tensor = torch.Tensor
WIDE = (torch.float32, torch.float64)


def _nms(boxes: Tensor, scores: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    kept = torch.zeros_like(scores, dtype=torch.int64)
    if is_fake(boxes):
        return kept, kept.new_zeros(())
    order = scores.argsort(descending=True, stable=True).tolist()
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    chosen: list[int] = []
    for i in order:
        sides = (
            torch.minimum(boxes[i, 2:], boxes[chosen, 2:])
            - torch.maximum(boxes[i, :2], boxes[chosen, :2])
        ).clamp(min=0)
        shared = sides[:, 0] * sides[:, 1]
        if not bool((shared / (area[i] + area[chosen] - shared) > threshold).any()):
            chosen.append(i)
    kept[: len(chosen)] = torch.tensor(chosen, dtype=torch.int64)
    return kept, torch.tensor(len(chosen))


def _nms_cases() -> Iterator[Case]:
    for dtype in WIDE:
        for n in (0, 1, 5, 40):
            corner, size = normal(n, 2, dtype=dtype) * 3, normal(n, 2, dtype=dtype, seed=1).abs()
            boxes = torch.cat([corner, corner + size * 4], 1)
            scores = normal(n, dtype=dtype, seed=2)
            scores[: n // 3] = 0.5
            yield Case((boxes, scores), {"threshold": 0.3})
            yield Case((boxes, scores), {"threshold": 0.0})


# The number of boxes that stay is known in the run alone: `indices` has room for all.
row(
    "nms",
    inputs=[tensor("boxes", WIDE), tensor("scores", WIDE)],
    outputs=[tensor("indices", (torch.int64,)), tensor("count", (torch.int64,))],
    attributes=[real("threshold")],
    reference=_nms,
    cases=_nms_cases,
)


@lowers("torchvision.nms.default")
def nms(b: Builder, a: dict[str, Any]) -> Any:
    """The boxes that stay, best first: as many as the data decides."""
    boxes = a["dets"]
    kept, count = b.emit("nms", [boxes, a["scores"]], {"threshold": a["iou_threshold"]})
    size = None if b.expected is None else b.expected.shape[0]
    return b.part(kept, b.decide(count, size, boxes.shape[0]))
