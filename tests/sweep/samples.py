"""PyTorch's OpInfo database in, modules with tensors to call them on out.

The database (`torch.testing._internal.common_methods_invocations.op_db`) is how PyTorch tests its
own operators: an entry is an operator or a variant of it, with a few to a thousand samples.
"""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo
from torch.utils import _pytree as pytree

# Elements that a sample's tensors may have together: larger ones (18 of 18762) test no more.
MOST_ELEMENTS = 100_000

# Families that inference does not use, by the reason that the results give.
EXCLUDED = {
    "eigenvalues, singular values, QR, LDL and least squares": (
        r"linalg\.(eig|eigh|eigvals|eigvalsh|svd|svdvals|qr|ldl_.*|lstsq.*|householder_product"
        r"|cond|matrix_rank.*|pinv.*)$|^(svd|qr|geqrf|orgqr|ormqr|pinverse|svd_lowrank|pca_lowrank"
        r"|norm\.nuc)$"
    ),
    "orthogonal polynomials, Bessel, Airy and zeta functions": (
        r"special\.(airy_ai|.*bessel.*|.*polynomial_.*|zeta)$"
    ),
    "sparse tensors": r"sparse",
    "kernels compiled for GPUs": r"jiterator",
    "gradients": r"backward",
    "histograms": r"hist",
}


@dataclass(frozen=True)
class Entry:
    """One entry of the database."""

    name: str
    info: OpInfo

    def excluded(self) -> str | None:
        """The family that inference does not use, or None."""
        return next((why for why, names in EXCLUDED.items() if re.search(names, self.name)), None)

    def samples(self, dtype: torch.dtype) -> list[Sample]:
        """All samples within the limit; none where the entry has none of that dtype."""
        if dtype not in self.info.supported_dtypes("cpu"):
            return []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            random.seed(0)
            numpy.random.seed(0)
            torch.manual_seed(0)
            given = list(self.info.sample_inputs("cpu", dtype, requires_grad=False))
        made = (Sample.of(self.info.op, (s.input, s.args, s.kwargs)) for s in given)
        return [sample for sample in made if sample.elements <= MOST_ELEMENTS]


def entries() -> list[Entry]:
    """Those with float32 samples on CPU, by name."""
    found = []
    for info in op_db:
        name = ".".join(part for part in (info.name, info.variant_test_name) if part)
        if torch.float32 in info.supported_dtypes("cpu"):
            found.append(Entry(name, info))
    return sorted(found, key=lambda entry: entry.name)


class _Here:
    """Stands where a tensor was."""


@dataclass(frozen=True)
class Sample:
    """A call of an operator: its tensors, and all else that it takes."""

    op: Any
    leaves: tuple[Any, ...]
    spec: pytree.TreeSpec
    tensors: tuple[Tensor, ...]

    @staticmethod
    def of(op: Any, given: Any) -> Sample:
        leaves, spec = pytree.tree_flatten(given)
        tensors = tuple(_plain(leaf) for leaf in leaves if isinstance(leaf, Tensor))
        rest = tuple(_Here if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        return Sample(op, rest, spec, tensors)

    @property
    def elements(self) -> int:
        return sum(tensor.numel() for tensor in self.tensors)

    def call(self, tensors: Sequence[Tensor]) -> Any:
        given = iter(tensors)
        leaves = [next(given) if leaf is _Here else leaf for leaf in self.leaves]
        first, args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        return self.op(first, *args, **kwargs)


def _plain(tensor: Tensor) -> Tensor:
    """Dense and without gradients, as a program's inputs are."""
    return tensor.detach().resolve_conj().resolve_neg().contiguous()


class Calls(nn.Module):
    """Several samples as one program: capture costs more for a program than for a call."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        super().__init__()
        self.samples = samples

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(tensor for sample in self.samples for tensor in sample.tensors)

    def forward(self, *tensors: Tensor) -> list[Any]:
        results, at = [], 0
        for sample in self.samples:
            end = at + len(sample.tensors)
            results.append(sample.call(tensors[at:end]))
            at = end
        return results


def outputs(results: list[Any]) -> Iterator[tuple[int, Any]]:
    """(sample, tensor or number) of all that `Calls` returned."""
    for index, result in enumerate(results):
        for leaf in pytree.tree_leaves(result):
            if leaf is not None:
                yield index, leaf
