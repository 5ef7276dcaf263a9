"""`run` prepares pictures and sounds as the package's JavaScript does: both ways."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models.pretrained import speech
from PIL import Image
from preprocess.conftest import PHOTOS
from support.conversion import Job, convert, pixels, samples
from support.sounds import sine, wav

from wasm_torch_web.engine import Sound, images, sounds
from wasm_torch_web.engine import wav as wavs
from wasm_torch_web.errors import UserError
from wasm_torch_web.preprocess import parse_specs
from wasm_torch_web.preprocess.audio import entry as audio_entry
from wasm_torch_web.preprocess.image import entry as image_entry

FILES = ("chelsea.png", "astronaut.png", "rocket.jpg", "page.png", "horse.png", "camera.png")
ANY = ["batch", 3, "height", "width"]


def port(words: str, shape: Sequence[Any], dtype: str = "float32") -> dict[str, Any]:
    (spec,) = parse_specs([words])
    plain = {"name": "x", "kind": "tensor", "dtype": dtype, "shape": [*shape]}
    entry = image_entry if spec.kind == "image" else audio_entry
    return {**plain, "preprocess": entry(plain, spec.settings)}


PICTURES = {
    "torchvision": ("resize=256,crop=224,mean=0.485/0.456/0.406,std=0.229/0.224/0.225", ANY),
    "bicubic": ("resize=127,crop=112x90,interpolation=bicubic,rescale=1", ANY),
    "lanczos": ("resize=90x777,interpolation=lanczos", ANY),
    "nearest": ("resize=600x37,interpolation=nearest", ANY),
    "hugging face": ("resize=99,crop=90x89,center=floor,mean=0.5,std=0.5", ANY),
    "padded": ("crop=601x603,mean=0.4,std=0.3", ANY),
    "padded, floor": ("crop=602x600,center=floor", ANY),
    "as it is": ("", ANY),
    "bgr": ("channels=BGR,mean=0.1/0.2/0.3", [1, 3, 24, 32]),
    "nhwc": ("layout=NHWC,std=0.2", [1, 24, 32, 3]),
    "luma": ("", [1, 1, 24, 32]),
    "no batch": ("", [3, 24, 32]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_the_same_to_the_bit(tmp_path: Path, name: str) -> None:
    words, shape = PICTURES[name]
    given = port(f"image:{words}", shape)
    pictures = [images.read(PHOTOS / file) for file in FILES]
    pictures.append(pictures[0].rotate(90, expand=True))
    jobs = [Job(given, [pixels(picture.convert("RGB"))]) for picture in pictures]
    for picture, expected in zip(pictures, convert(tmp_path, "images", jobs), strict=True):
        found = images.array_of(given, [picture])
        assert found.dtype == np.float32 and found.shape == expected.shape
        assert np.array_equal(found, expected.numpy()), picture.size


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "uint8"])
def test_every_dtype_is_rounded_alike(tmp_path: Path, dtype: str) -> None:
    settings = "" if dtype == "uint8" else ":mean=0.3/0.4/0.5,std=0.21/0.22/0.23"
    given = port(f"image{settings}", [1, 3, 60, 90], dtype)
    picture = images.read(PHOTOS / "chelsea.png")
    (expected,) = convert(tmp_path, "images", [Job(given, [pixels(picture)])])
    found = images.array_of(given, [picture])
    assert np.array_equal(found.view("u2") if dtype == "float16" else found, expected.numpy())


def test_a_list_is_a_batch_of_one_size(tmp_path: Path) -> None:
    pictures = [images.read(PHOTOS / file) for file in FILES[:3]]
    given = port("image:resize=30x40", ANY)
    job = Job(given, [pixels(picture) for picture in pictures], many=True)
    (expected,) = convert(tmp_path, "images", [job])
    assert np.array_equal(images.array_of(given, pictures), expected.numpy())
    with pytest.raises(UserError, match=r"451 x 300 and 512 x 512"):
        images.array_of(port("image", ANY), pictures)


def test_files_are_turned_as_their_exif_says(tmp_path: Path) -> None:
    picture = images.read(PHOTOS / "chelsea.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(images.read(tmp_path / "turned.png"), picture)


def test_what_is_transparent_keeps_its_colour() -> None:
    picture = images.read(PHOTOS / "chelsea.png").resize((32, 24))
    given = port("image", [1, 3, 24, 32])
    clear = picture.copy()
    clear.putalpha(7)
    expected = images.array_of(given, [picture])
    assert np.array_equal(images.array_of(given, [clear]), expected)
    few = picture.quantize(16)
    few.info["transparency"] = bytes(range(16))
    expected = images.array_of(given, [few.convert("RGBA").convert("RGB")])
    assert np.array_equal(images.array_of(given, [few]), expected)


SOUNDS = {
    "row": ("rate=16000", ["n"], 16000),
    "from 8000": ("rate=16000", [1, "n"], 8000),
    "from 11025": ("rate=16000", [1, "n"], 11025),
    "from 44100": ("rate=16000", [1, 1, "n"], 44100),
    "from 48000": ("rate=16000", ["n"], 48000),
    "primes": ("rate=15991", ["n"], 16001),
    "cut": ("rate=16000,length=900", [900], 22050),
    "filled up": ("rate=16000,length=40000", [1, 40000], 22050),
    "windows": ("rate=16000,window=400,hop=160,normalize=true", ["rows", 400], 44100),
    "windows side by side": ("rate=8000,window=256", [1, "rows", 256], 16000),
    "normal": ("rate=16000,normalize=true", [1, "n"], 16000),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_are_the_same(tmp_path: Path, name: str) -> None:
    words, shape, rate = SOUNDS[name]
    given = port(f"audio:{words}", shape)
    voice = speech()[16000:20001].numpy()
    both = np.stack([voice, voice[::-1]], 1)
    jobs = [Job(given, [samples(voice, rate)]), Job(given, [samples(both, rate, 2)])]
    for recording, expected in zip((voice, both), convert(tmp_path, "sounds", jobs), strict=True):
        found = sounds.array_of(given, Sound(recording, rate))
        assert found.dtype == np.float32 and found.shape == expected.shape
        assert np.abs(found - expected.numpy()).max() <= 1e-6 * np.abs(found).max()


def test_a_sound_that_is_none_is_told() -> None:
    given = port("audio:rate=16000", ["n"])
    for sound in (
        Sound(np.zeros((1, 2, 3), "f4"), 16000),
        Sound(np.zeros(3, "i2"), 16000),
        Sound(np.zeros(3, "f4"), 0),
        Sound(np.zeros(3, "f4"), 10**9),
    ):
        with pytest.raises(UserError, match="WTW514"):
            sounds.array_of(given, sound)
    assert sounds.array_of(given, Sound(np.zeros(0, "f4"), 44100)).shape == (0,)


def riff(tag: int, bits: int, data: bytes, channels: int = 1, extra: bytes = b"") -> bytes:
    """A file of a format, with a chunk of odd length before its data."""
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, 16000, 16000 * frame, frame, bits) + extra
    chunks = [(b"fmt ", form), (b"LIST", b"odd"), (b"data", data)]
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


STEPS = np.array([-1, -0.5, 0, 0.25, 0.75, 0.0078125])
EXTENSION = struct.pack("<HHI", 22, 16, 0) + struct.pack("<H", 1) + bytes(14)
FORMATS = {
    "8 bits": riff(1, 8, (STEPS * 128 + 128).astype("u1").tobytes()),
    "16 bits": riff(1, 16, (STEPS * 2**15).astype("<i2").tobytes()),
    "24 bits": riff(
        1, 24, (STEPS * 2**23).astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes()
    ),
    "32 bits": riff(1, 32, (STEPS * 2**31).astype("<i4").tobytes()),
    "float": riff(3, 32, STEPS.astype("<f4").tobytes()),
    "double": riff(3, 64, STEPS.tobytes()),
    "extensible": riff(0xFFFE, 16, (STEPS * 2**15).astype("<i2").tobytes(), extra=EXTENSION),
    "endless": riff(1, 16, (STEPS * 2**15).astype("<i2").tobytes()).replace(
        b"data\x0c\0\0\0", b"data\xff\xff\xff\xff"
    ),
    "half a frame": riff(1, 16, (STEPS * 2**15).astype("<i2").tobytes() + b"\1"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_wav_files_of_every_format(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.wav").write_bytes(FORMATS[name])
    found = wavs.read(tmp_path / "a.wav")
    assert found.rate == 16000 and found.samples.shape == (6, 1)
    assert np.array_equal(found.samples[:, 0], STEPS)


def test_channels_lie_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(riff(3, 32, STEPS.astype("<f4").tobytes(), 2))
    assert np.array_equal(wavs.read(tmp_path / "a.wav").samples, STEPS.reshape(3, 2))
    tone = sine(440, 0.1, 44100)
    (tmp_path / "b.wav").write_bytes(wav(tone, 44100))
    found = wavs.read(tmp_path / "b.wav")
    assert found.rate == 44100
    assert np.abs(found.samples[:, 0] - tone).max() < 1e-4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "RIFF"),
        (b"OggS" * 20, "RIFF"),
        (riff(1, 16, b"")[:20], "no format"),
        (riff(1, 16, b"")[:36], "no format or no data"),
        (riff(85, 0, b""), "format 85"),
        (riff(1, 12, b""), "12 bits"),
        (riff(1, 16, b"", 0), "0 channels"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0\1\0data\0\0\0\0", "WAV"),
    ],
)
def test_what_is_no_wav_file_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UserError, match="WTW521") as caught:
        wavs.read(tmp_path / "a.wav")
    assert words in caught.value.message
