"""A folder in, a TypeScript project that uses a package out; what a compiler says of its programs.

Programs are right, in the forms that people write, or wrong, each with what it is to be told.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from wasm_torch_web.bundle import RUNTIME, pack

from .fake_model import fake_model
from .fake_runtime import fake_runtime

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

GIVEN = f"""
const ids = {{ data: new BigInt64Array(10), shape: [2, 5] as const }};
const rest = {{ half: new Uint16Array(1), flag: true, steps: 3, [{json.dumps(HOSTILE)}]:
  {{ data: new Uint8Array(2), shape: [2] as const }} }};
const inputs: Inputs = {{ ids, image: new Float32Array(3), ...rest }};
"""
# What holds for ESM and CommonJS alike.
COMMON = f"""
import {{ diagnose, load, isWtwError }} from 'fake-model';
import type {{ Diagnosis, Inputs, Model, Outputs, WtwError }} from 'fake-model';
{GIVEN}
const numbers: Inputs = {{ ...inputs, ids: {{ data: [1, 2], shape: [1, 2] }}, steps: 3n }};

export async function use(signal: AbortSignal): Promise<number> {{
  const model: Model = await load({{ threads: 2, variant: 'simd128-single', signal }});
  const outputs: Outputs = await model.run(numbers);
  const logits: Float32Array = outputs.logits.data;
  const [batch, classes]: [number, 7] = outputs.logits.shape;
  const mask: Uint8Array = outputs.mask.data;
  const dtype: 'bool' = outputs.mask.dtype;
  const blob = new Blob([outputs.logits.data]);
  const plain: Outputs = await model.run(numbers, {{ profile: false }});
  const moved: Outputs = await model.run(numbers, {{ signal, transfer: true }});
  const profiled = await model.run(numbers, {{ profile: true, signal }});
  const same: Float32Array = profiled.outputs.logits.data;
  const slow: string[] = profiled.profile.operators.map(({{ operator }}) => operator);
  const {{ variant, advice, text }}: Diagnosis = await diagnose();
  const chosen: string = variant ?? advice.join() + text;
  const ended: Promise<void> = model[Symbol.asyncDispose]();
  await ended;
  console.log(plain, moved, chosen, same, slow, blob, profiled.profile.milliseconds);
  return logits.length + batch + classes + mask.length + dtype.length + outputs.count;
}}

export function explain(error: unknown): string {{
  if (!isWtwError(error)) return '';
  const coded: WtwError = error;
  return coded.code + coded.hint;
}}
"""
WITHOUT_DOM = """
import { load, WtwError } from 'fake-model';
import type { Inputs, Outputs } from 'fake-model';

export async function use(inputs: Inputs): Promise<Outputs['logits']['shape']> {
  const model = await load({ baseUrl: '/model/', onProgress: ({ loaded }) => void loaded });
  return (await model.run(inputs)).logits.shape;
}
export const isCoded = (error: unknown): boolean => error instanceof WtwError;
"""
# Where the library knows disposal.
USING = """
import { load, type Inputs } from 'fake-model';

export async function use(inputs: Inputs): Promise<number> {
  await using model = await load();
  using same = model;
  return (await same.run(inputs)).count;
}
"""
RIGHT = {
    "esm.mts": COMMON + "import { WtwError as E } from 'fake-model';\nexport const Thrown = E;\n",
    "commonjs.cts": COMMON
    + "import wtw = require('fake-model');\nexport const again = wtw.load;\n",
    "without_dom.mts": WITHOUT_DOM,
    "using.mts": USING,
}
# A statement, and what the compiler is to say of it.
WRONG = {
    "missing_input": ("await model.run({ ids });", "missing the following properties"),
    "misspelt_input": ("await model.run({ ...inputs, imge: 1 });", "'imge' does not exist"),
    "bare_array": (
        "await model.run({ ...inputs, ids: new BigInt64Array(10) });",
        r"'BigInt64Array.*missing .* 'Given<\"int64\", readonly \[batch: number, dim1: number\]>'",
    ),
    "other_dtype": (
        "await model.run({ ...inputs, image: new Float64Array(3) });",
        "'Float64Array.*' is not assignable to type",
    ),
    "other_size": (
        "await model.run({ ...inputs, image: { data: new Float32Array(3), shape: [2, 3] } });",
        "Type '2' is not assignable to type '1'",
    ),
    "other_rank": (
        "await model.run({ ...inputs, ids: { data: new BigInt64Array(10), shape: [10] } });",
        r"not assignable to type 'readonly \[batch: number, dim1: number\]'",
    ),
    "no_such_output": ("(await model.run(inputs)).scores;", "'scores' does not exist on type 'Out"),
    "wrong_output": (
        "const [rows]: [string, 7] = (await model.run(inputs)).logits.shape;",
        "'number' is not assignable to type 'string'",
    ),
    "beside_profile": (
        "(await model.run(inputs, { profile: true })).logits;",
        "'logits' does not exist on type 'Profiled",
    ),
    "no_such_option": ("await model.run(inputs, { trace: true });", "'trace' does not exist"),
    "no_such_variant": ("await load({ variant: 'fast' });", "Type '\"fast\"' is not assignable"),
}
RESOLUTIONS = {"node16": "node16", "nodenext": "nodenext", "bundler": "esnext"}


def typed_project(folder: Path) -> Path:
    """`folder` with the package `fake-model` installed and all programs written."""
    package = folder / "node_modules" / "fake-model"
    package.mkdir(parents=True)
    fake_model(package, inputs=INPUTS, outputs=OUTPUTS, symbols=SYMBOLS)
    runtime = fake_runtime(folder / "runtime")
    shutil.copyfile(RUNTIME / "js" / "runtime.d.ts", runtime / "js" / "runtime.d.ts")
    pack(package, runtime)
    for name, program in RIGHT.items():
        (folder / name).write_text(program)
    for name, (statement, _) in WRONG.items():
        (folder / f"{name}.mts").write_text(
            "import { load } from 'fake-model';\nimport type { Inputs, Model } from 'fake-model';\n"
            f"{GIVEN}\nexport async function wrong(model: Model): Promise<void> {{\n  {statement}\n"
            "  void [load, inputs];\n}\n"
        )
    return folder


def said(tsc: Path, project: Path, resolution: str, files: Sequence[str], *library: str) -> str:
    """What `tsc --strict` prints of these files; of declarations too (`skipLibCheck` is off)."""
    options = {
        "strict": True,
        "noEmit": True,
        "target": "es2022",
        "lib": library or ["es2022", "dom"],
        "types": [],
        "skipLibCheck": False,
        "module": RESOLUTIONS[resolution],
        "moduleResolution": resolution,
    }
    config = project / f"tsconfig.{resolution}.{len(files)}.json"
    config.write_text(json.dumps({"compilerOptions": options, "files": list(files)}))
    command = [tsc, "-p", config, "--pretty", "false"]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True)
    return result.stdout + result.stderr


def check_right(tsc: Path, project: Path, resolution: str) -> None:
    """Nothing is said of the right programs."""
    # A bundler resolves require() as it does import: only Node has two kinds of files.
    files = ["esm.mts"] if resolution == "bundler" else ["esm.mts", "commonjs.cts"]
    assert said(tsc, project, resolution, files) == ""
    assert said(tsc, project, resolution, ["without_dom.mts"], "es2022") == ""


def check_wrong(tsc: Path, project: Path) -> None:
    """Each wrong program has one error, the expected one."""
    text = said(tsc, project, "bundler", [f"{name}.mts" for name in WRONG])
    errors = dict(re.findall(r"^(\w+)\.mts\(.*?error (TS.*(?:\n .*)*)", text, re.MULTILINE))
    assert set(errors) == set(WRONG), text
    for name, (_, expected) in WRONG.items():
        assert re.search(expected, errors[name]), errors[name]
