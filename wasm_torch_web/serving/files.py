"""A folder in, an ASGI app that serves its files out: right types, ETags, ranges, compression.

Only regular files inside of the folder are served: paths and symbolic links that lead out of it are
not found.
"""

from __future__ import annotations

import gzip
import os
from functools import lru_cache
from pathlib import Path

import brotli
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

# What browsers insist on, whatever this machine's own table says.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
COMPRESSED = frozenset({".html", ".css", ".js", ".mjs", ".json", ".wasm", ".svg"})
COMPRESSED_BYTES = range(1024, 16 * 2**20)
BROTLI_QUALITY = 5  # of 11: for a wasm of 300 KB some 10 ms


class _File(FileResponse):
    chunk_size = 1 << 20


class Files(StaticFiles):
    """The files of one folder."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, compressed where the browser takes it and it pays; 304 where it has it."""
        asked = Headers(scope=scope)
        suffix = Path(full_path).suffix
        media_type = TYPES.get(suffix, "application/octet-stream")
        headers = {"cache-control": "no-cache"}
        encoding = _encoding(asked) if _compresses(suffix, stat_result.st_size) else None
        response: Response = _File(
            full_path, status_code, headers, media_type=media_type, stat_result=stat_result
        )
        if encoding is not None:
            etag = response.headers["etag"].removesuffix('"') + f'-{encoding}"'
            body = _compressed(str(full_path), stat_result.st_mtime_ns, encoding)
            headers |= {"etag": etag, "content-encoding": encoding, "vary": "accept-encoding"}
            response = Response(body, status_code, headers, media_type)
        if self.is_not_modified(response.headers, asked):
            return NotModifiedResponse(response.headers)
        return response


def _compresses(suffix: str, size: int) -> bool:
    return suffix in COMPRESSED and size in COMPRESSED_BYTES


def _encoding(asked: Headers) -> str | None:
    """The best content encoding that the browser takes; ranges count bytes of the file itself."""
    if "range" in asked:
        return None
    taken = {part.split(";")[0].strip() for part in asked.get("accept-encoding", "").split(",")}
    return next((name for name in ("br", "gzip") if name in taken), None)


@lru_cache(maxsize=64)
def _compressed(path: str, mtime_ns: int, encoding: str) -> bytes:
    """The compressed file; `mtime_ns` makes a changed file another entry of the cache."""
    data = Path(path).read_bytes()
    if encoding == "gzip":
        return gzip.compress(data, 6, mtime=0)
    compressed: bytes = brotli.compress(data, quality=BROTLI_QUALITY)
    return compressed
