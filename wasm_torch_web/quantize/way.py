"""What every way to store weights in fewer bits tells and does; the table of them is in `apply`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from wasm_torch_web.control import all_subgraphs
from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.verify.reference import Flat

# Of what calibration has seen: name of a value of the simplified graph -> its least and largest
# element, as the way that asked for them wants them counted.
Ranges = Mapping[str, tuple[float, float]]
Names = Set[str]  # of weights


@dataclass(frozen=True)
class Weight:
    """A weight and what becomes (or became) of it in one way.

    Attributes:
        bytes: as float32.
        stored: in the files, in this way; copies for readers that need float32 count.
        loss: the largest error of a row, relative to its norm; None where there is none to tell.
        way: the name of the way.
        kept: why it stays float32; empty where it does not.
    """

    name: str
    bytes: int
    stored: int
    loss: float | None
    way: str
    kept: str = ""

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.name,
            "bytes": self.bytes,
            "stored": self.stored,
            "loss": self.loss,
            "way": "float32" if self.kept else self.way,
            "kept": self.kept,
        }


@dataclass(frozen=True)
class Way:
    """A way to store weights in fewer bits.

    Attributes:
        name: `fp16`, `dynamic` ...
        weights: all that are of a kind that this way is for, in the order of the graph, each as it
            would be; `kept` says why one cannot be. Changes nothing.
        apply: makes those of these names so, in a simplified graph, in place; what `weights` would
            keep is not among them. The rest stays, so that ways are applied one after the other.
        calibrate: gives the ranges that it needs, from runs of the graph with all weights as they
            were (which can be gone through more than once) and the name of an observer; None where
            it needs none.
    """

    name: str
    weights: Callable[[Graph, Ranges], list[Weight]]
    apply: Callable[[Graph, Names, Ranges], None]
    calibrate: Callable[[Graph, Iterable[Flat], str], Ranges] | None = None


def constants(graph: Graph) -> Iterator[Value]:
    """Of a graph and those inside it; what both read comes more than once."""
    for one in (graph, *all_subgraphs(graph)):
        yield from (value for value in one.values() if value.is_constant)


def all_nodes(graph: Graph) -> Iterator[Node]:
    """Of a graph and those inside it."""
    for one in (graph, *all_subgraphs(graph)):
        yield from one.nodes
