"""The generated declarations under `tsc --strict`, as the resolutions that people use see them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.fake_model import fake_model
from support.fake_runtime import fake_runtime

from wasm_torch_web.bundle import RUNTIME, pack

ROOT = Path(__file__).parents[2]

HOSTILE = "</script> */ '\"`\\"
INPUTS = [
    {"name": "ids", "kind": "tensor", "dtype": "int64", "shape": ["batch", "2*T + 1"]},
    {"name": "image", "kind": "tensor", "dtype": "float32", "shape": [1, 3]},
    {"name": "half", "kind": "tensor", "dtype": "float16", "shape": []},
    {"name": "flag", "kind": "bool"},
    {"name": "steps", "kind": "int"},
    {"name": HOSTILE, "kind": "tensor", "dtype": "uint8", "shape": ["batch"]},
]
OUTPUTS = [
    {"name": "logits", "kind": "tensor", "dtype": "float32", "shape": ["batch", 7]},
    {"name": "mask", "kind": "tensor", "dtype": "bool", "shape": ["batch"]},
    {"name": "count", "kind": "int"},
]
SYMBOLS = [{"name": "batch", "min": 1, "max": 8}, {"name": "T", "min": 2, "max": 64}]

# What holds for ESM and CommonJS alike; @ts-expect-error fails where there is no error.
COMMON = f"""
import {{ diagnose, load, isWtwError }} from 'fake-model';
import type {{ Diagnosis, Inputs, Model, Outputs, WtwError }} from 'fake-model';

const ids = {{ data: new BigInt64Array(10), shape: [2, 5] as const }};
const rest = {{ half: new Uint16Array(1), flag: true, steps: 3, [{json.dumps(HOSTILE)}]:
  {{ data: new Uint8Array(2), shape: [2] as const }} }};
const inputs: Inputs = {{ ids, image: new Float32Array(3), ...rest }};
const numbers: Inputs = {{ ...inputs, ids: {{ data: [1, 2], shape: [1, 2] }}, steps: 3n }};

export async function use(signal: AbortSignal): Promise<number> {{
  const model: Model = await load({{ threads: 2, variant: 'simd128-single', signal }});
  const outputs: Outputs = await model.run(numbers);
  const logits: Float32Array = outputs.logits.data;
  const [batch, classes]: [number, 7] = outputs.logits.shape;
  const mask: Uint8Array = outputs.mask.data;
  const dtype: 'bool' = outputs.mask.dtype;
  const plain: Outputs = await model.run(numbers, {{ profile: false }});
  const moved: Outputs = await model.run(numbers, {{ signal, transfer: true }});
  const profiled = await model.run(numbers, {{ profile: true, signal }});
  const same: Float32Array = profiled.outputs.logits.data;
  const slow: string[] = profiled.profile.operators.map(({{ operator }}) => operator);
  const {{ variant, advice, text }}: Diagnosis = await diagnose();
  const chosen: string = variant ?? advice.join() + text;
  const ended: Promise<void> = model[Symbol.asyncDispose]();
  await ended;
  console.log(plain, moved, chosen, same, slow, profiled.profile.milliseconds);
  return logits.length + batch + classes + mask.length + dtype.length + outputs.count;
}}

export function explain(error: unknown): string {{
  if (!isWtwError(error)) return '';
  const coded: WtwError = error;
  return coded.code + coded.hint;
}}

export async function wrong(model: Model): Promise<void> {{
  // @ts-expect-error: an input is missing
  await model.run({{ ids }});
  // @ts-expect-error: a bare array where the shape is dynamic
  await model.run({{ ...inputs, ids: new BigInt64Array(10) }});
  // @ts-expect-error: another dtype
  await model.run({{ ...inputs, image: new Float64Array(3) }});
  // @ts-expect-error: another size
  await model.run({{ ...inputs, image: {{ data: new Float32Array(3), shape: [2, 3] }} }});
  // @ts-expect-error: another rank
  await model.run({{ ...inputs, ids: {{ data: new BigInt64Array(10), shape: [10] }} }});
  // @ts-expect-error: no such output
  (await model.run(inputs)).scores;
  // @ts-expect-error: outputs are beside the profile
  (await model.run(inputs, {{ profile: true }})).logits;
  // @ts-expect-error: no such option
  await model.run(inputs, {{ trace: true }});
  // @ts-expect-error: no such variant
  await load({{ variant: 'fast' }});
}}
"""
ESM = (
    COMMON + "\nimport { WtwError as Thrown } from 'fake-model';\nexport const isThrown = Thrown;\n"
)
COMMONJS = COMMON + "\nimport wtw = require('fake-model');\nexport const again = wtw.load;\n"

DISPOSAL = """
import { load, type Inputs } from 'fake-model';

export async function use(inputs: Inputs): Promise<number> {
  await using model = await load();
  using same = model;
  return (await same.run(inputs)).count;
}
"""

RESOLUTIONS = {"node16": "node16", "nodenext": "nodenext", "bundler": "esnext"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    package = folder / "node_modules" / "fake-model"
    package.mkdir(parents=True)
    fake_model(package, inputs=INPUTS, outputs=OUTPUTS, symbols=SYMBOLS)
    runtime = fake_runtime(folder / "runtime")
    shutil.copyfile(RUNTIME / "js" / "runtime.d.ts", runtime / "js" / "runtime.d.ts")
    pack(package, runtime)
    (folder / "esm.mts").write_text(ESM)
    (folder / "commonjs.cts").write_text(COMMONJS)
    (folder / "disposal.mts").write_text(DISPOSAL)
    return folder


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_the_types_are_strict_and_right(project: Path, resolution: str) -> None:
    # A bundler resolves require() as it does import: only Node has two kinds of files.
    files = ["esm.mts"] if resolution == "bundler" else ["esm.mts", "commonjs.cts"]
    assert complaints(project, resolution, files, "es2022") == ""


def test_using_ends_a_model_where_the_library_knows_it(project: Path) -> None:
    files = ["esm.mts", "commonjs.cts", "disposal.mts"]
    assert complaints(project, "nodenext", files, "esnext") == ""


def complaints(project: Path, resolution: str, files: list[str], library: str) -> str:
    """What the compiler says of the files, without the types of Node."""
    options = {
        "strict": True,
        "noEmit": True,
        "target": "es2022",
        "lib": [library, "dom"],
        "types": [],
        "skipLibCheck": False,
        "module": RESOLUTIONS[resolution],
        "moduleResolution": resolution,
    }
    config = project / f"tsconfig.{resolution}.{library}.json"
    config.write_text(json.dumps({"compilerOptions": options, "files": files}))
    command = [ROOT / "node_modules/.bin/tsc", "-p", config]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True)
    return result.stdout + result.stderr


def test_doc_comments_name_dynamic_axes(project: Path) -> None:
    text = (project / "node_modules/fake-model/index.d.ts").read_text()
    assert "/** int64 [batch, 2*T + 1], batch from 1 to 8 */" in text
