"""An exported program in, nothing out: refuses operators that behave as in training."""

from __future__ import annotations

from typing import Any

from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from wasm_torch_web.errors import UserError

# Argument names that say "training" in the schemas of aten.
_FLAGS = ("training", "train", "use_input_stats")


def refuse_training(program: ExportedProgram) -> None:
    """Raises UserError training-program for dropout and batch statistics.

    Batch normalisation without running statistics uses the batch's in eval mode, too.
    """
    graphs = [m.graph for m in program.graph_module.modules() if isinstance(m, GraphModule)]
    for node in (node for graph in graphs for node in graph.nodes):
        if node.op == "call_function" and _trains(node):
            raise UserError("training-program", reason=f"it holds {node.target}")


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
