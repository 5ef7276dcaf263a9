"""The declarations of a package that takes pictures and sounds and has labels."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.fake_model import fake_model

from wasm_torch_web.bundle import pack

ROOT = Path(__file__).parents[2]

IMAGE = {
    "kind": "image",
    "channels": "RGB",
    "layout": "NCHW",
    "interpolation": "bilinear",
    "center": "round",
    "rescale": 1,
    "mean": [0],
    "std": [1],
}
INPUTS = [
    {
        "name": "photo",
        "kind": "tensor",
        "dtype": "float32",
        "shape": [1, 3, 8, 8],
        "preprocess": IMAGE,
    },
    {
        "name": "voice",
        "kind": "tensor",
        "dtype": "float32",
        "shape": [1, "n"],
        "preprocess": {"kind": "audio", "rate": 16000},
    },
    {"name": "plain", "kind": "tensor", "dtype": "float32", "shape": [1, 3]},
]
SYMBOLS = [{"name": "n", "min": 1, "max": 9}]
CLASSES = {"labels": ["cat", "dog"], "scores": "softmax"}
OUTPUTS = [
    {"name": "scores", "kind": "tensor", "dtype": "float32", "shape": [1, 2], "classes": CLASSES}
]

# With and without the DOM; @ts-expect-error fails where there is no error.
EVERYWHERE = """
import { load } from 'fake-model';
import type { Classification, ImageInput, Inputs, SoundInput } from 'fake-model';

const photo = { data: new Uint8Array(12), width: 2, height: 2 };
const voice = { data: new Float32Array(9), sampleRate: 8000, channels: 3 };
const plain = new Float32Array(3);
const inputs: Inputs = { photo, voice, plain };

export async function use(blob: Blob): Promise<string> {
  const model = await load();
  const outputs = await model.run({ ...inputs, photo: [photo, blob] });
  const [batch, two]: [1, 2] = outputs.scores.shape;
  const best: Classification[] = await model.classify({ ...inputs, photo: blob }, { top: 3 });
  const tensors = await model.run({
    photo: new Float32Array(192),
    voice: { data: [1, 2], shape: [1, 2] },
    plain,
  });
  const kind: 'image' | 'audio' | undefined = model.info.inputs[0]?.preprocess?.kind;
  const labels: readonly string[] | undefined = model.info.outputs[0]?.classes?.labels;
  console.log(batch, two, tensors, kind, labels);
  return best.map(({ label, index, score }) => `${label} ${index + score}`).join();
}

export async function wrong(blob: Blob): Promise<void> {
  const model = await load();
  // @ts-expect-error: only photo takes pictures
  await model.run({ ...inputs, plain: blob });
  // @ts-expect-error: the rate is missing
  await model.run({ ...inputs, voice: { data: new Float32Array(3) } });
  // @ts-expect-error: no such option
  await model.classify(inputs, { best: 3 });
  // @ts-expect-error: classify gives no profile
  await model.classify(inputs, { profile: true });
}

export type Named = [ImageInput, SoundInput];
"""
IN_PAGES = """
import type { ImageInput, SoundInput } from 'fake-model';

export const pictures = (
  bitmap: ImageBitmap,
  image: HTMLImageElement,
  canvas: HTMLCanvasElement,
  offscreen: OffscreenCanvas,
  video: HTMLVideoElement,
  frame: VideoFrame,
  data: ImageData,
): ImageInput[] => [bitmap, image, canvas, offscreen, video, frame, data];

export const sound = (buffer: AudioBuffer): SoundInput => buffer;

// @ts-expect-error: no picture
export const none: ImageInput = document.createElement('div');
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    package = folder / "node_modules" / "fake-model"
    package.mkdir(parents=True)
    fake_model(package, inputs=INPUTS, outputs=OUTPUTS, symbols=SYMBOLS)
    pack(package)
    (folder / "everywhere.mts").write_text(EVERYWHERE)
    (folder / "commonjs.cts").write_text(EVERYWHERE)
    (folder / "pages.mts").write_text(IN_PAGES)
    return folder


DOM = {"lib": ["es2022", "dom"], "types": []}
NODE = {"lib": ["es2022"], "types": ["node"], "typeRoots": [str(ROOT / "node_modules/@types")]}


@pytest.mark.parametrize("host", ["dom", "node"])
def test_the_types_are_strict_and_right(project: Path, host: str) -> None:
    files = ["everywhere.mts", "commonjs.cts", *(["pages.mts"] if host == "dom" else [])]
    options = {
        **(DOM if host == "dom" else NODE),
        "strict": True,
        "noEmit": True,
        "target": "es2022",
        "skipLibCheck": False,
        "module": "nodenext",
    }
    config = project / f"tsconfig.{host}.json"
    config.write_text(json.dumps({"compilerOptions": options, "files": files}))
    command = [ROOT / "node_modules/.bin/tsc", "-p", config]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert result.stdout + result.stderr == ""


def test_the_package_carries_and_imports_them(project: Path) -> None:
    package = project / "node_modules/fake-model"
    for name in ("index.js", "index.node.js"):
        text = (package / name).read_text()
        for script in ("images", "sounds", "classes"):
            assert f"import {{ {script} }} from './{script}.js';" in text
        assert "startWorker, options, [images, sounds, classes])" in text
    files = json.loads((package / "package.json").read_text())["files"]
    names = {
        f"{name}.{end}"
        for name in ("images", "sounds", "classes")
        for end in ("js", "d.ts", "d.cts")
    }
    assert names <= set(files)
    copied = (package / "copy.js").read_text()
    assert '"images.js"' in copied and '"classes.js"' in copied


def test_the_readme_tells_of_each(project: Path) -> None:
    text = (project / "node_modules/fake-model/README.md").read_text()
    assert "model.run({ ...inputs, photo: picture, voice: sound })" in text
    assert "16000 samples a second" in text
    assert "the best of the 2 classes of `scores` (softmax)" in text
