"""The native build of the runtime through ctypes: a plan and weights in, outputs out."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from wasm_torch_web.format.weights import raw
from wasm_torch_web.ops import DTYPES

DTYPE_OF = {number: dtype for dtype, number in DTYPES.items()}
ALL_NODES = 0xFFFFFFFF
TOUCHED = 0xFFFFFFFF


class Io(ctypes.Structure):
    """csrc/api.h: one input or output."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("kind", ctypes.c_uint32),
        ("dtype", ctypes.c_uint32),
        ("rank", ctypes.c_uint32),
        ("zero", ctypes.c_uint32),
        ("integer", ctypes.c_int64),
        ("real", ctypes.c_double),
        ("shape", ctypes.c_int64 * 8),
        ("zeros", ctypes.c_uint64 * 2),
    )


class Failure(Exception):
    """A call failed: code, node, operand, line, given, allowed."""

    def __init__(self, fields: Sequence[int]) -> None:
        self.code, self.node, self.operand, self.line, self.given, self.allowed = fields
        super().__init__(
            f"code {self.code} node {self.node} operand {self.operand} line {self.line} "
            f"given {self.given} allowed {self.allowed}"
        )


class Touched(Exception):
    """A node touched what is not its own: csrc/native/guard_pages.cc."""

    def __init__(self, node: int, operand: int, offset: int, size: int) -> None:
        what = f"byte {offset} of the {size} of operand {operand}" if operand >= 0 else hex(offset)
        super().__init__(f"node {node} touches {what}")


class Library:
    """libwtw.so or its sanitized sibling."""

    def __init__(self, path: Path) -> None:
        self.c = ctypes.CDLL(str(path))
        pointer, u32, size = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_size_t
        told = ctypes.POINTER(ctypes.c_int64)
        signatures = {
            "wtw_alloc": (pointer, [size]),
            "wtw_free": (None, [pointer]),
            "wtw_model_new": (pointer, [pointer, size, pointer, size]),
            "wtw_model_free": (None, [pointer]),
            "wtw_session_new": (pointer, [pointer]),
            "wtw_session_free": (None, [pointer]),
            "wtw_session_reset": (None, [pointer]),
            "wtw_session_seed": (u32, [pointer, u32, ctypes.c_int64]),
            "wtw_io": (ctypes.POINTER(Io), [pointer, u32]),
            "wtw_bind": (u32, [pointer, u32]),
            "wtw_run": (u32, [pointer, u32, u32, u32]),
            "wtw_next": (u32, [pointer]),
            "wtw_peek": (u32, [pointer, u32, u32, u32, ctypes.POINTER(Io), pointer, size]),
            "wtw_arena_bytes": (ctypes.c_uint64, [pointer]),
            "wtw_live_bytes": (ctypes.c_uint64, [pointer]),
            "wtw_state_bytes": (ctypes.c_uint64, [pointer]),
            "wtw_failure": (told, []),
            "wtw_helper_new": (pointer, []),
            "wtw_helper_run": (None, [pointer]),
            "wtw_run_guarded": (u32, [pointer, u32, u32, ctypes.c_int64, told]),
            "wtw_helpers": (u32, []),
            "wtw_helpers_quit": (None, []),
            "wtw_set_threads": (None, [u32]),
            "wtw_set_finer": (None, [ctypes.c_int64]),
            "wtw_most_chunks": (ctypes.c_int64, []),
            "wtw_set_tile_rows": (None, [ctypes.c_int]),
            "wtw_grant_allocations": (None, [ctypes.c_int64]),
            "wtw_live_allocations": (ctypes.c_int64, []),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(self.c, name)
            function.restype, function.argtypes = result, arguments

    def failure(self) -> Failure:
        """Details of the last failed call."""
        fields = self.c.wtw_failure()
        return Failure([fields[i] for i in range(6)])

    def copy(self, content: bytes) -> int:
        """Aligned memory of the library with this content, exactly as long."""
        address: int = self.c.wtw_alloc(max(len(content), 1))
        ctypes.memmove(address, content, len(content))
        return address


class NativeModel:
    """A loaded plan with one session."""

    def __init__(self, library: Library, plan: bytes, weights: bytes) -> None:
        self.library, c = library, library.c
        self.session = self.model = None
        self.memory = [library.copy(plan), library.copy(weights)]
        self.model = c.wtw_model_new(self.memory[0], len(plan), self.memory[1], len(weights))
        if not self.model:
            self.close()
            raise library.failure()
        self.session = c.wtw_session_new(self.model)
        if not self.session:
            self.close()
            raise library.failure()

    def run(self, inputs: Sequence[torch.Tensor | int], outputs: int) -> list[torch.Tensor | int]:
        """Runs program 0."""
        self.bind(inputs)
        self.run_nodes(0, ALL_NODES)
        return self.outputs(len(inputs), outputs)

    def bind(self, inputs: Sequence[torch.Tensor | int]) -> None:
        """Binds program 0 to the sizes of the inputs and copies them in."""
        io = self.library.c.wtw_io(self.session, 0)
        for port, given in zip(io, inputs, strict=False):
            if isinstance(given, torch.Tensor):
                port.rank = given.dim()
                port.shape[: given.dim()] = tuple(given.shape)
            else:
                port.integer = given
        self._require(self.library.c.wtw_bind(self.session, 0))
        for port, given in zip(io, inputs, strict=False):
            if isinstance(given, torch.Tensor):
                content = raw(given)
                assert len(content) == port.bytes
                ctypes.memmove(port.data, content, len(content))

    def run_nodes(self, first: int, count: int) -> None:
        """Runs nodes of program 0, which is bound."""
        self._require(self.library.c.wtw_run(self.session, 0, first, count))

    def next(self) -> int:
        """The node with which the run goes on."""
        return int(self.library.c.wtw_next(self.session))

    def step_through(self, nodes: int) -> list[int]:
        """Runs program 0, which is bound, node by node; gives those of its `nodes` that ran."""
        ran = [0]
        self.run_nodes(0, 1)
        while (node := self.next()) < nodes:
            ran.append(node)
            self.run_nodes(node, 1)
        return ran

    def run_guarded(
        self, inputs: Sequence[torch.Tensor | int], outputs: int, behind: bool, cut: int = 0
    ) -> list[torch.Tensor | int]:
        """Runs program 0 with pages that nobody may touch behind each operand, or before it; as if
        each had `cut` bytes less. Raises Touched."""
        self.bind(inputs)
        told = (ctypes.c_int64 * 4)()
        code = self.library.c.wtw_run_guarded(self.session, 0, behind, cut, told)
        if code == TOUCHED:
            raise Touched(*told)
        self._require(code)
        return self.outputs(len(inputs), outputs)

    def outputs(self, inputs: int, outputs: int) -> list[torch.Tensor | int]:
        """The outputs of program 0, behind so many inputs."""
        io = self.library.c.wtw_io(self.session, 0)
        return [_read(io[inputs + i]) for i in range(outputs)]

    def reset(self) -> None:
        """Puts the initial state back."""
        self.library.c.wtw_session_reset(self.session)

    def close(self) -> None:
        """Frees everything."""
        if self.session:
            self.library.c.wtw_session_free(self.session)
        if self.model:
            self.library.c.wtw_model_free(self.model)
        for address in self.memory:
            self.library.c.wtw_free(address)
        self.memory, self.session, self.model = [], None, None

    def _require(self, code: int) -> None:
        if code:
            raise self.library.failure()


def _read(port: Io) -> torch.Tensor | int:
    if port.kind == 2:
        return float(port.real)
    if port.kind:
        return int(port.integer)
    dtype = DTYPE_OF[port.dtype]
    shape = tuple(port.shape[: port.rank])
    content = bytearray(ctypes.string_at(port.data, port.bytes))
    if not content:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(content, dtype=torch.uint8).view(dtype).reshape(shape)


def told(tried: Iterable[tuple[str, str | None]]) -> int:
    """Names and what is wrong with each, which is printed; the exit code: 1 where anything is, or
    where nothing was tried."""
    count, wrong = 0, 0
    for name, text in tried:
        count += 1
        if text is not None:
            wrong += 1
            print(f"{name}: {text}")
    print(f"{count} tried, {wrong} wrong")
    return 1 if wrong or not count else 0
