"""A folder in, an ASGI app that serves its files out: right types, ETags, ranges, compression.

`FILE.br` beside a file is what browsers get of it that take brotli. `FILE?sha256=...`, with 16
digits or more of the hash of its content, may be kept for good; all else is asked for again.

Only regular files inside of the folder are served: paths and symbolic links that lead out of it are
not found.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs

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
HASH = re.compile(r"[0-9a-f]{16,64}")
FOR_GOOD = "public, max-age=31536000, immutable"
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
        headers = {"cache-control": _lifetime(str(full_path), stat_result, scope)}
        if status_code == 200 and _encoding(asked) == "br" and (made := _made(full_path)):
            headers |= {"content-encoding": "br", "vary": "accept-encoding"}
            found = made.stat()
            file = _File(made, 200, headers, media_type=media_type, stat_result=found)
            return self._unless_known(file, asked)
        encoding = _encoding(asked) if _compresses(suffix, stat_result.st_size) else None
        response: Response = _File(
            full_path, status_code, headers, media_type=media_type, stat_result=stat_result
        )
        if encoding is not None:
            etag = response.headers["etag"].removesuffix('"') + f'-{encoding}"'
            body = _compressed(str(full_path), stat_result.st_mtime_ns, encoding)
            headers |= {"etag": etag, "content-encoding": encoding, "vary": "accept-encoding"}
            response = Response(body, status_code, headers, media_type)
        return self._unless_known(response, asked)

    def _unless_known(self, response: Response, asked: Headers) -> Response:
        if self.is_not_modified(response.headers, asked):
            return NotModifiedResponse(response.headers)
        return response


def _made(path: str | os.PathLike[str]) -> Path | None:
    """The compressed file beside it; an older one is of other content."""
    made = Path(f"{os.fspath(path)}.br")
    if made.is_symlink() or not made.is_file():
        return None
    return made if made.stat().st_mtime_ns >= Path(path).stat().st_mtime_ns else None


def _lifetime(path: str, found: os.stat_result, scope: Scope) -> str:
    """An address that holds the hash of the content always has the same content."""
    asked = parse_qs(scope["query_string"].decode("latin-1"))
    digits = asked.get("sha256", [""])[0].lower()
    if HASH.fullmatch(digits) and _hash(path, found.st_mtime_ns).startswith(digits):
        return FOR_GOOD
    return "no-cache"


@lru_cache(maxsize=256)
def _hash(path: str, mtime_ns: int) -> str:
    """SHA-256, remembered as `_compressed` is."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


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
