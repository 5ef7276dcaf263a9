"""Hostile names stay text: in JavaScript (as Node reads it), in comments, in Markdown."""

import json
import subprocess

import pytest

from wasm_torch_web.bundle.escape import code, doc, js_key, js_member, js_string

HOSTILE = [
    "</script>",
    "*/ alert(1) /*",
    "'\"`",
    "a\\",
    "${x}",
    "\u2028",
    "a b",
    "日本",
    "@name@",
    "//",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_node_reads_the_same_name(name: str) -> None:
    script = (
        f"const o = {{ {js_key(name)}: 1 }}; if (o{js_member(name)} !== 1) throw 0;"
        f"process.stdout.write(JSON.stringify([{js_string(name)}, ...Object.keys(o)]))"
    )
    result = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == [name, name]


@pytest.mark.parametrize("name", HOSTILE)
def test_literals_end_nothing(name: str) -> None:
    literal = js_string(name)
    assert literal.isascii()
    assert not any(text in literal for text in ("</", "*/", "//", "`", "\n"))


def test_plain_names_stay_readable() -> None:
    assert js_key("input_ids") == "input_ids"
    assert js_member("output") == ".output"
    assert js_string("logits") == "'logits'"


def test_comments_stay_open() -> None:
    assert "*/" not in doc("a */ b")
    assert "\n" not in doc("a\nb")


def test_code_spans_hold_backticks_and_bars() -> None:
    assert code("x") == "`x`"
    assert code("a`b") == "`` a`b ``"
    assert code("a|b") == "`a\\|b`"
