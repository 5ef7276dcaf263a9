"""The operator table: importing this package fills it, one family a file."""

from __future__ import annotations

import importlib
import pkgutil

from wasm_torch_web.ops.table import DTYPES, LOWERINGS, ROWS, Attribute, Case, Operand, Row

for _module in pkgutil.iter_modules(__path__):
    if _module.name != "table":
        importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["DTYPES", "LOWERINGS", "ROWS", "Attribute", "Case", "Operand", "Row"]
