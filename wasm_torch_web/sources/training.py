"""An exported program in, the first operator that only training has out, or None."""

from __future__ import annotations

from typing import Any

from torch.export import ExportedProgram
from torch.fx import Node

# Argument names that say "training" in the schemas of aten.
_FLAGS = ("training", "train", "use_input_stats")


def training_operator(program: ExportedProgram) -> str | None:
    """The name of an operator that behaves as in training: dropout, batch statistics.

    Batch normalisation without running statistics uses the batch's in eval mode, too.
    """
    for graph_module in program.graph_module.modules():
        for node in getattr(graph_module, "graph", program.graph).nodes:
            if node.op == "call_function" and _trains(node):
                return str(node.target)
    return None


def _trains(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return False
    given: dict[str, Any] = {a.name: a.default_value for a in schema.arguments}
    given |= zip((argument.name for argument in schema.arguments), node.args, strict=False)
    given |= node.kwargs
    name = schema.name.removeprefix("aten::")
    if name.endswith("batch_norm") or name.startswith(("_native_batch_norm", "instance_norm")):
        flag = any(given.get(key) is True for key in _FLAGS)
        return flag and given.get("running_mean") is not None
    if name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        return given.get("train") is True and bool(given.get("dropout"))
    if "dropout" in name or name == "rrelu":
        return any(given.get(key) is True for key in _FLAGS) and given.get("p") != 0
    return name == "scaled_dot_product_attention" and bool(given.get("dropout_p"))
