"""The `Source` that every reader returns, and the options that readers take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from wasm_torch_web.axes import DynamicAxis
from wasm_torch_web.errors import UserError, summary


@dataclass(frozen=True)
class Options:
    """The options of the command line that say how a source is read.

    Attributes:
        recorded: inputs of an earlier build, by name: they take the place of a module's examples
            where forward has an argument of that name, and `inputs` theirs.
    """

    model: str | None = None
    inputs: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    trust_pickle: bool = False
    recorded: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Source:
    """A module or a program, with what is needed to capture and to verify it.

    Attributes:
        kind: which of `module` (in eval mode) and `program` is set.
        args, kwargs: the example inputs.
        axes: of an archive: the dynamic axes that the user named when it was saved; of a module:
            those that are dynamic where the user names none, if torch.export can do it.
        ranges: input name -> (low, high) of the random integers or floats that checks draw.
        notices: what was done to the source that the user should know, as sentences.
        name: of the file without its ending, of the folder or of the class.
        tokenizer: the tokenizer.json that lies beside the model, which the package carries.
        preprocess: what the model's code or folder says of how its inputs are made, if anything.
        files: what was read for it.
    """

    kind: Literal["module", "program"]
    module: torch.nn.Module | None
    program: ExportedProgram | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    name: str
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    axes: tuple[DynamicAxis, ...] = ()
    tokenizer: Path | None = None
    preprocess: Any = None
    files: Sequence[Path] = ()

    @cached_property
    def eager(self) -> torch.nn.Module:
        """What runs in PyTorch: the module, or the program as a module.

        Raises UserError model-failed where torch cannot make a module of the program.
        """
        if self.program is None:
            assert self.module is not None
            return self.module
        try:
            module = self.program.module()
        except Exception as error:
            raise UserError("model-failed", reason=summary(error)) from error
        assert isinstance(module, torch.nn.Module)
        return module

    def reference(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """PyTorch's outputs of one run from the initial state."""
        return self.consecutive([(args, kwargs)])[0]

    def consecutive(self, calls: Sequence[tuple[tuple[Any, ...], dict[str, Any]]]) -> list[Any]:
        """PyTorch's outputs of runs in a row, the first from the initial state, without gradients.

        Inputs are copied (a module may change them), and so are outputs (they may be buffers,
        which are restored afterwards). Raises UserError model-failed where the module raises.
        """
        state = {name: buffer.clone() for name, buffer in self.eager.named_buffers()}
        with torch.no_grad():
            try:
                return [_copied(self.eager(*a, **k)) for a, k in map(_copied, calls)]
            except Exception as error:
                raise UserError("model-failed", reason=summary(error)) from error
            finally:
                for name, buffer in self.eager.named_buffers():
                    buffer.copy_(state[name])


def _copied(tree: Any) -> Any:
    return pytree.tree_map_only(torch.Tensor, torch.clone, tree)
