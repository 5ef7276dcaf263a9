"""PyTorch's databases of operators and modules in, modules with tensors to call them on out.

They (`torch.testing._internal.common_methods_invocations.op_db`, `common_modules.module_db`) are
how PyTorch tests itself: an entry is an operator, a variant of it or a class of `torch.nn`, with a
few to a thousand samples.
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
from torch.testing._internal.common_modules import ModuleInfo, module_db
from torch.testing._internal.opinfo.core import OpInfo
from torch.utils import _pytree as pytree

from sweep.ties import by_element

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
    """One entry of a database."""

    name: str
    info: OpInfo | ModuleInfo

    def excluded(self) -> str | None:
        """The family that inference does not use, or None."""
        return next((why for why, names in EXCLUDED.items() if re.search(names, self.name)), None)

    def samples(self, dtype: torch.dtype) -> list[Sample]:
        """All samples within the limit; none where the entry has none of that dtype."""
        return list(self.each(dtype))

    def each(self, dtype: torch.dtype) -> Iterator[Sample]:
        """The same, one by one."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            random.seed(0)
            numpy.random.seed(0)
            torch.manual_seed(0)
            of = _of_operator if isinstance(self.info, OpInfo) else _of_module
            for sample in of(self.info, dtype):
                if sample.elements <= MOST_ELEMENTS:
                    yield sample


def _of_operator(info: OpInfo, dtype: torch.dtype) -> Iterator[Sample]:
    if dtype in info.supported_dtypes("cpu"):
        for given in info.sample_inputs("cpu", dtype, requires_grad=False):
            sample = Sample.of(info.op, ((given.input, *given.args), given.kwargs))
            yield by_element(info.name, sample)


def _of_module(info: ModuleInfo, dtype: torch.dtype) -> Iterator[Sample]:
    if dtype not in info.dtypes:
        return
    options = {"device": "cpu", "dtype": dtype, "requires_grad": False, "training": False}
    for given in info.module_inputs_func(info, **options):
        made, called = given.constructor_input, given.forward_input
        module = info.module_cls(*made.args, **made.kwargs).to(dtype).eval()
        if called is not None:
            yield Sample.of(module, (called.args, called.kwargs))


def entries() -> list[Entry]:
    """Those with float32 samples on CPU, by name."""
    found = []
    for info in op_db:
        name = ".".join(part for part in (info.name, info.variant_test_name) if part)
        if torch.float32 in info.supported_dtypes("cpu"):
            found.append(Entry(name, info))
    modules = [info for info in module_db if torch.float32 in info.dtypes and not info.is_lazy]
    found += [Entry(f"nn.{info.module_cls.__name__}", info) for info in modules]
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
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        return self.op(*args, **kwargs)


def _plain(tensor: Tensor) -> Tensor:
    """Dense and without gradients, as a program's inputs are."""
    return tensor.detach().resolve_conj().resolve_neg().contiguous()


class Calls(nn.Module):
    """Several samples as one program: capture costs more for a program than for a call."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        super().__init__()
        self.samples = samples
        self.parts = nn.ModuleList(s.op for s in samples if isinstance(s.op, nn.Module))

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
