"""Small tokenizers, and models whose outputs say which token ids the page gave them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from torch.export import Dim, export

import wasm_torch_web

WORDS = ["the", "capital", "of", "france", "is", "paris", "a", "man", "eat", "##ing", "food", "."]


def word_pieces() -> Tokenizer:
    """As BERT's: lower case, [CLS] and [SEP] around the text."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: i for i, token in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    ends = [(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    tokenizer.add_special_tokens(special)
    return tokenizer


def byte_pairs() -> Tokenizer:
    """As GPT-2's: any text, through its bytes; nothing is added to it."""
    tokenizer = Tokenizer(models.BPE(fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([" ".join(WORDS), "The capital of France is Paris.\n"])
    return tokenizer


class Following(nn.Module):
    """ids (N, length) -> scores (N, length, vocabulary), the next id ahead of all others."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(8 * torch.eye(vocabulary).roll(1, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.scores[tokens]


class Fixed(nn.Module):
    """All inputs that a text fills, of eight tokens, as they came."""

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor,
        position_ids: Tensor,
    ) -> dict[str, Tensor]:
        return {
            "ids": input_ids + 0,
            "mask": attention_mask * 1.0,
            "types": token_type_ids + 0,
            "positions": position_ids + 0,
        }


class Rows(nn.Module):
    """ids (length) -> a vector for each of them (length, 32), with no axis of texts."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(20, 32))

    def forward(self, ids: Tensor) -> Tensor:
        return self.vectors[ids]


class Drifting(nn.Module):
    """As Rows, but all vectors move a step into the same direction with every run."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(20, 32))
        self.register_buffer("drift", torch.zeros(32))

    def forward(self, ids: Tensor) -> Tensor:
        self.drift += 1
        return self.vectors[ids] + self.drift


class Counting(nn.Module):
    """Scores of 40 classes, which the manifest cannot tell from an embedding; counts its runs."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Parameter(50 * torch.eye(40))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        self.count += 1
        return {"scores": self.scores[ids[:, 0]], "count": self.count + 0}


def package_of(
    module: nn.Module, inputs: dict[str, Tensor], out: Path, tokenizer: Tokenizer, longest: int = 0
) -> Path:
    """The package, with the tokenizer in a folder beside it; dynamic where `longest` is given."""
    length = {1: Dim("length", min=1, max=longest)} if longest else None
    shapes = dict.fromkeys(inputs, length)
    program = export(module, (), inputs, dynamic_shapes=shapes)
    wasm_torch_web.build(program, ((), inputs), out=out, name=out.name, verify=False)
    save(tokenizer, beside(out))
    return out


def beside(package: Path) -> Path:
    """The tokenizer of a package of `package_of`."""
    return package.with_name(f"{package.name}-tokenizer")


def save(tokenizer: Tokenizer, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def fixed_inputs() -> dict[str, Tensor]:
    names: Sequence[str] = ("input_ids", "token_type_ids", "position_ids")
    integers = {name: torch.ones(1, 8, dtype=torch.int64) for name in names}
    return {**integers, "attention_mask": torch.ones(1, 8)}
