"""What users should not do, command by command: a coded error, nothing lost, nothing leaked."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from support.models import Net, write_archive
from support.served import Packages

from wasm_torch_web.cli import COMMANDS, invoke

LONG = "x" * 5000
X = ("run", "root", "--input")
BUILD = ("build", "net.pth", "--out", "out")
SERVE = ("serve", "root", "--api")

# The words of a command, in a folder of `lay_out`; the code that it ends with, or several.
ROWS: tuple[tuple[tuple[str, ...], str], ...] = (
    # no such model, or none at all
    *(((name, "missing"), "WTW301") for name in ("validate", "bench", "profile", "serve", "run")),
    *(((name, "missing", "--out", "out"), "WTW101") for name in ("build",)),
    (("optimize", "missing", "--out", "out", "--quantize", "fp16"), "WTW101"),
    (("bisect", "missing", "--source", "net.pth"), "WTW301"),
    (("bisect", "root", "--source", "missing"), "WTW101"),
    (("validate", "root", "--source", "missing"), "WTW101"),
    (("inspect", "missing"), "WTW101"),
    (("inspect", "noise.bin"), "WTW104"),
    (("inspect", "empty.bin"), "WTW102"),
    # hostile paths
    *(((name, LONG), "WTW128 WTW301") for name in ("validate", "bench", "profile", "run", "serve")),
    (("build", LONG, "--out", "out"), "WTW128 WTW101"),
    (("inspect", LONG), "WTW128 WTW101"),
    (("build", "net.pth", "--out", LONG), "WTW128 WTW116"),
    (("build", "net.pth", "--out", "net.pth"), "WTW115"),
    (("build", "net.pth", "--out", "net.pth/pkg"), "WTW116 WTW128"),
    (("build", "loop/net.pth", "--out", "out"), "WTW101 WTW128"),
    (("build", "net.pth", "--out", "photos"), "WTW115"),
    ((*BUILD, "--name", "../evil"), "WTW117"),
    ((*BUILD, "--name", "a/../b"), "WTW117"),
    ((*BUILD, "--version", "1.0.0/../.."), "WTW117"),
    ((*BUILD, "--license", "MIT\nevil"), "WTW125"),
    ((*BUILD, "--labels", LONG), "WTW124 WTW128"),
    ((*BUILD, "--labels", "noise.bin"), "WTW124"),
    ((*BUILD, "--tokenizer", "noise.bin"), "WTW122"),
    ((*BUILD, "--preprocess", "image:resize=1000000000000"), "WTW123"),
    (("profile", "root", "--html", "missing/flames.html"), "WTW116"),
    (("serve", "hostile"), "WTW302"),
    (("run", "hostile", "--input", "ones.npy"), "WTW302"),
    (("validate", "deep"), "WTW302"),
    (("run", "linked", "--input", "ones.npy"), "WTW304"),
    # sizes and dtypes
    ((*BUILD, "--input", "x=float32:1000000x1000000"), "WTW110"),
    ((*BUILD, "--input", "x=@claims.npy"), "WTW110"),
    ((*BUILD, "--input", "x=@pickled.npy"), "WTW110"),
    ((*BUILD, "--input", "x=@two.npz"), "WTW110"),
    ((*BUILD, "--input", "x=int64:2x3"), "WTW118 WTW210"),
    ((*BUILD, "--dynamic", "x.0=1..1000000000000"), "WTW111"),
    ((*X, "double.npy"), "WTW503"),
    ((*X, "ones.npz"), "WTW503"),
    ((*X, "wide.npy"), "WTW504"),
    ((*X, "claims.npy"), "WTW521"),
    ((*X, "pickled.npy"), "WTW521"),
    ((*X, "bomb.npz"), "WTW521"),
    ((*X, "torn.npz"), "WTW521"),
    ((*X, "array.npz"), "WTW503"),
    ((*X, "archive.npy"), "WTW502"),
    ((*X, "noise.bin"), "WTW521"),
    ((*X, "noise.npy"), "WTW521"),
    ((*X, "noise.png"), "WTW521"),
    ((*X, "noise.wav"), "WTW521"),
    ((*X, "deep.json"), "WTW521"),
    ((*X, "deeper.json"), "WTW521"),
    ((*X, "shape.json"), "WTW521"),
    ((*X, "null.json"), "WTW501"),
    ((*X, f"{LONG}.json"), "WTW128 WTW521"),
    ((*X, "loop/x.json"), "WTW128 WTW521"),
    ((*X, "empty", "--output", "out.jsonl"), "WTW521"),
    ((*X, "ones.npy", "--output", "missing/y.npz"), "WTW116"),
    ((*X, "ones.npy", "--memory-limit", "1MB"), "WTW406"),
    # options that make no sense
    *(
        (("run", "root", "--timeout", text), "WTW100")
        for text in ("nan", "inf", "-1", "0", "1e300")
    ),
    *((("run", "root", "--memory-limit", t), "WTW100") for t in ("0", "-1", "9" * 400, "1e9", "")),
    *(((*SERVE, "--drain", text), "WTW100") for text in ("nan", "inf", "-1")),
    *(((*SERVE, "--rate", text), "WTW100") for text in ("nan", "0")),
    ((*SERVE, "--workers", "1000000000000"), "WTW100"),
    ((*SERVE, "--audit-log", "missing/log", "--monitoring"), "WTW116"),
    (("serve", "root", "--host", "no such host"), "WTW607"),
    (("serve", "root", "--host", LONG), "WTW607"),
    (("serve", "root", "--host", "a..b"), "WTW607"),
    (("serve", "root", "root", "--api"), "WTW711"),
    (("bench", "root", "--threads", "1000000000000"), "WTW100"),
    (("profile", "root", "--runs", "0"), "WTW100"),
    (("optimize", "net.pth", "--out", "out", "--max-error", "nan"), "WTW100"),
    (("optimize", "net.pth", "--out", "out", "--quantize", "fp1"), "WTW100"),
    (("doctor", "root"), "WTW100"),
)


def lay_out(folder: Path, package: Path) -> None:
    """The files that `ROWS` name."""
    write_archive(folder / "net.pth")
    (folder / "root").symlink_to(package)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "photos").mkdir()
    (folder / "photos" / "mine.txt").write_text("kept")
    (folder / "empty").mkdir()
    (folder / "empty.bin").touch()
    for suffix in ("bin", "npy", "png", "wav"):
        (folder / f"noise.{suffix}").write_bytes(bytes(range(256)) * 9)
    _arrays(folder)
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "deeper.json").write_text("[" * 950 + "1" + "]" * 950)
    (folder / "shape.json").write_text('{"data": [1], "shape": [1000000, 1000000]}')
    (folder / "null.json").write_text('{"x": null}')
    manifest = json.loads((package / "model.json").read_text())
    for name in ("hostile", "deep"):
        (folder / name).mkdir()
    manifest["plan"]["file"] = "../../../etc/passwd"
    (folder / "hostile" / "model.json").write_text(json.dumps(manifest))
    (folder / "deep" / "model.json").write_text('{"a":' * 100_000)
    (folder / "linked").mkdir()
    for file in package.iterdir():
        (folder / "linked" / file.name).symlink_to(file)
    (folder / "linked" / "plan.bin").unlink()
    size = (package / "plan.bin").stat().st_size
    (folder / "secret").write_bytes(b"s" * size)
    (folder / "linked" / "plan.bin").symlink_to(folder / "secret")


def _arrays(folder: Path) -> None:
    numpy.save(folder / "ones.npy", numpy.ones((1, 3), "float32"))
    numpy.save(folder / "double.npy", numpy.ones((1, 3)))
    numpy.save(folder / "wide.npy", numpy.ones((1, 4), "float32"))
    numpy.save(folder / "pickled.npy", numpy.array([{}], object), allow_pickle=True)
    numpy.savez(folder / "two.npz", x=numpy.ones(3), y=numpy.ones(3))
    numpy.savez(folder / "ones.npz", x=numpy.ones((1, 3)))
    (folder / "array.npz").write_bytes((folder / "double.npy").read_bytes())
    (folder / "archive.npy").write_bytes((folder / "two.npz").read_bytes())
    head = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
    numpy.lib.format.write_array_header_1_0(head, shape)
    (folder / "claims.npy").write_bytes(head.getvalue() + bytes(64))
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", head.getvalue() + bytes(1 << 20))
    claimed = (folder / "bomb.npz").read_bytes()
    place = claimed.rindex(b"PK\x01\x02")  # the entry that says how large it becomes
    large = (0xFFFFFFFE).to_bytes(4, "little")
    (folder / "bomb.npz").write_bytes(claimed[: place + 24] + large + claimed[place + 28 :])
    with zipfile.ZipFile(folder / "torn.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", (folder / "ones.npy").read_bytes())
    torn = bytearray((folder / "torn.npz").read_bytes())
    torn[40:60] = bytes(range(200, 220))
    (folder / "torn.npz").write_bytes(torn)


def listing(folder: Path) -> dict[str, Any]:
    """Every file and link, and what is in it."""

    def found() -> Iterator[tuple[str, Any]]:
        for path in sorted(folder.rglob("*")):
            content = path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
            yield str(path.relative_to(folder)), content

    return dict(found())


def test_bad_inputs(
    packages: Packages,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {words[0] for words, _ in ROWS} >= set(COMMANDS) - {"deploy"}
    lay_out(tmp_path, packages("root"))
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path)
    wrong = []
    for words, codes in ROWS:
        status = invoke([*words, "--json"])
        said = capsys.readouterr()
        told = json.loads(said.out)
        error = told.get("error", {})
        good = error.get("code") in codes.split() and not told["ok"] and status in (1, 2, 4)
        leaked = "Traceback" in said.out + said.err or "ssss" in said.out + said.err
        if not good or leaked or listing(tmp_path) != before:
            wrong.append((" ".join(words)[:80], codes, status, error))
            before = listing(tmp_path)
    assert not wrong, "\n".join(map(str, wrong))


def test_a_builds_nans_are_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are numbers: whether a model gives any is its own business."""
    torch.save(Net().state_dict(), tmp_path / "net.pth")
    numpy.save(tmp_path / "x.npy", numpy.full((2, 3), numpy.nan, "float32"))
    factory = tmp_path / "net.py"
    factory.write_text("from support.models import Net\n\ndef make():\n    return Net()\n")
    words = ["build", tmp_path / "net.pth", "--model", f"{factory}:make", "--out", tmp_path / "pkg"]
    assert invoke([*map(str, words), "--input", f"x=@{tmp_path / 'x.npy'}", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["result"]["verification"] == "passed"
