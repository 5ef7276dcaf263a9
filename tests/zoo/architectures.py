"""transformers' architectures at a tiny size: a model type in, a module and its inputs out.

A default configuration keeps its structure; its sizes are set to small ones, in parts of it too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

SMALL = {
    "hidden_size": 32,
    "d_model": 32,
    "n_embd": 32,
    "dim": 32,
    "emb_dim": 32,
    "embedding_size": 32,
    "num_hidden_layers": 2,
    "n_layer": 2,
    "n_layers": 2,
    "num_layers": 2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "num_attention_heads": 4,
    "n_head": 4,
    "n_heads": 4,
    "num_heads": 4,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 64,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "ffn_dim": 64,
    "d_ff": 64,
    "d_kv": 8,
    "d_inner": 64,
    "hidden_dim": 64,
    "moe_intermediate_size": 32,
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "projection_dim": 32,
    "vocab_size": 99,
    "max_position_embeddings": 64,
    "n_positions": 64,
    "image_size": 32,
    "patch_size": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
# Sizes that follow from those, and those of types that have a list of them.
STAGES = {"depths": [1, 1, 1, 1], "num_stages": 4, "hidden_sizes": [8, 16, 24, 32]}
WINDOWS = {"image_size": 64, "patch_size": 4, "window_size": 4, "embed_dim": 16} | {
    "depths": [2, 2, 2, 2],
    "num_heads": [1, 2, 4, 8],
    "hidden_size": 128,
}
ALSO: dict[str, dict[str, Any]] = {
    "codegen": {"rotary_dim": 4},
    "convnext": STAGES,
    "convnextv2": STAGES,
    "efficientnet": {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280}
    | {"initializer_range": 0.5},
    "esm": {"vocab_size": 99, "token_dropout": False, "pad_token_id": 1, "mask_token_id": 4},
    "gptj": {"rotary_dim": 4},
    "hiera": {"image_size": [64, 64], "embed_dim": 16, "depths": [1, 1, 1, 1]},
    "lilt": {"hidden_size": 48},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1, "state_size": 16},
    "mobilevitv2": {"patch_size": 2},
    "nemotron": {"num_key_value_heads": 4},
    "pvt": {"image_size": 64},
    "swin": WINDOWS | {"patch_size": 2},
    "swin2sr": {"patch_size": 1, "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 2]},
    "swinv2": WINDOWS,
    "xmod": {"default_language": "en_XX"},
}
# Types whose images may be small, and those that need 64 x 64 (pyramids halve them five times).
TYPES: dict[str, str] = {
    "text": "albert bert bert-generation big_bird biogpt camembert canine convbert deberta "
    "deberta-v2 distilbert electra ernie esm eurobert flaubert fnet ibert layoutlm lilt luke "
    "markuplm megatron-bert mobilebert modernbert mpnet mra nomic_bert nystromformer rembert "
    "roberta roberta-prelayernorm roc_bert roformer splinter squeezebert tapas xlm xlm-roberta "
    "xlm-roberta-xl xlnet xmod yoso data2vec-text",
    "causal": "bloom codegen cohere ctrl falcon gemma gemma2 gemma3_text glm gpt2 gpt_bigcode "
    "gpt_neo gpt_neox gptj granite imagegpt jamba llama mamba mamba2 mistral mixtral mpt nemotron "
    "olmo olmo2 openai-gpt opt persimmon phi phi3 qwen2 qwen2_moe qwen3 qwen3_moe recurrent_gemma "
    "rwkv smollm3 stablelm starcoder2 xglm",
    "sequence": "bart blenderbot blenderbot-small m2m_100 marian mbart mt5 pegasus pegasus_x "
    "plbart prophetnet t5 umt5",
    "image": "beit clip_vision_model data2vec-vision deit dinov2 dinov2_with_registers dinov3_vit "
    "ijepa siglip_vision_model vit vit_msn yolos",
    "masked": "vit_mae",
    "pyramid": "bit convnext convnextv2 cvt detr dpt efficientnet focalnet glpn hgnet_v2 hiera "
    "levit mobilenet_v1 mobilenet_v2 mobilevit mobilevitv2 poolformer pvt pvt_v2 regnet resnet "
    "segformer swiftformer swin swin2sr swinv2 textnet",
    "wave": "data2vec-audio hubert sew sew-d unispeech unispeech-sat wav2vec2 wav2vec2-conformer "
    "wavlm",
    "pair": "altclip blip chinese_clip clip clipseg flava owlvit",
    "spectrogram": "whisper",
}


def _ids(length: int = 8) -> Tensor:
    return torch.tensor([[5, 7, 9, 11, 13, 8, 3, 4]])[:, :length]


INPUTS: dict[str, Callable[[], dict[str, Tensor]]] = {
    "text": lambda: {"input_ids": _ids(), "attention_mask": torch.ones_like(_ids())},
    "causal": lambda: {"input_ids": _ids()},
    "sequence": lambda: {"input_ids": _ids(), "decoder_input_ids": _ids(4)},
    "image": lambda: {"pixel_values": torch.randn(1, 3, 32, 32)},
    "masked": lambda: {"pixel_values": torch.randn(1, 3, 32, 32), "noise": torch.rand(1, 16)},
    "pyramid": lambda: {"pixel_values": torch.randn(1, 3, 64, 64)},
    "wave": lambda: {"input_values": torch.randn(1, 4000)},
    "pair": lambda: {"input_ids": _ids(), "pixel_values": torch.randn(1, 3, 32, 32)},
    "spectrogram": lambda: {
        "input_features": torch.randn(1, 80, 3000),
        "decoder_input_ids": _ids(4),
    },
}


def make(kind: str, name: str) -> tuple[nn.Module, dict[str, Tensor]]:
    """A module with random weights, and keyword inputs."""
    from transformers import AutoModel
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = CONFIG_MAPPING[name]()
    _shrink(config)
    for key, value in ALSO.get(name, {}).items():
        setattr(config, key, value)
    return AutoModel.from_config(config).eval(), INPUTS[kind]()


def _shrink(config: Any) -> None:
    for key, value in SMALL.items():
        now = getattr(config, key, None)
        if isinstance(now, int) and not isinstance(now, bool):
            with suppress(AttributeError, NotImplementedError):  # it follows from others
                setattr(config, key, value)
    for part in getattr(config, "sub_configs", None) or {}:
        if getattr(config, part, None) is not None:
            _shrink(getattr(config, part))
    config.use_cache = False
