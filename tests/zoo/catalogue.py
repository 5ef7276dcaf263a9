"""Every architecture of the zoo by name: how its module and inputs are made.

torchvision's models for classification, segmentation, video and optical flow; the smallest model
of each of timm's families; transformers' types at a tiny size. All with random weights.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import torch
from models.zoo import Model, warmed
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from zoo import architectures

# The smallest of its family, and the side of its images.
TIMM = {
    "beit_base_patch16_224": 224,
    "halonet_h1": 256,
    "test_byobnet": 160,
    "cait_xxs24_224": 224,
    "coat_tiny": 224,
    "convit_tiny": 224,
    "convmixer_768_32": 224,
    "test_convnext": 160,
    "cpubone_nano": 224,
    "crossvit_tiny_240": 240,
    "csatv2": 512,
    "cs3darknet_focus_s": 256,
    "cspnext_tiny": 224,
    "davit_tiny": 224,
    "deit_tiny_patch16_224": 224,
    "densenet121": 224,
    "dla46x_c": 224,
    "dpn48b": 224,
    "edgenext_xx_small": 256,
    "efficientformer_l1": 224,
    "efficientformerv2_s0": 224,
    "test_efficientnet": 160,
    "efficientvim_m1": 224,
    "efficientvit_b0": 224,
    "efficientvit_m0": 224,
    "vit_tiny_patch16_dinov3_qkvb": 256,
    "fasternet_t0": 224,
    "fastvit_t8": 256,
    "focalnet_tiny_srf": 224,
    "gcvit_xxtiny": 224,
    "ghostnet_050": 224,
    "hardcorenas_b": 224,
    "hgnetv2_b0": 224,
    "hiera_tiny_224": 224,
    "hrnet_w18_small": 224,
    "iformer_t": 224,
    "inception_next_atto": 224,
    "inception_resnet_v2": 299,
    "inception_v3": 299,
    "inception_v4": 299,
    "lcnetv2_small": 224,
    "levit_128s": 224,
    "lowformer_b0": 224,
    "test_mambaout": 160,
    "test_coatnet": 160,
    "poolformerv2_s12": 224,
    "gmlp_ti16_224": 224,
    "mobilenetv3_small_050": 224,
    "mobilenetv5_base": 256,
    "mobilevit_xxs": 256,
    "mvitv2_tiny": 224,
    "nasnetalarge": 331,
    "nest_tiny": 224,
    "nextvit_small": 224,
    "test_nfnet": 160,
    "pit_ti_224": 224,
    "pvt_v2_b0": 224,
    "rdnet_tiny": 224,
    "regnetx_002": 224,
    "repghostnet_050": 224,
    "repvit_m1": 224,
    "res2next50": 224,
    "resnest14d": 224,
    "test_resnet": 160,
    "resnetv2_18": 224,
    "rexnet_100": 224,
    "selecsls42": 224,
    "legacy_seresnet18": 224,
    "sequencer2d_s": 224,
    "shvit_s1": 224,
    "skresnet18": 224,
    "starnet_s050": 224,
    "swiftformer_xs": 224,
    "swin_tiny_patch4_window7_224": 224,
    "swinv2_tiny_window8_256": 256,
    "swinv2_cr_tiny_224": 224,
    "tiny_vit_5m_224": 224,
    "tnt_s_legacy_patch16_224": 224,
    "tresnet_m": 224,
    "twins_svt_small": 224,
    "visformer_tiny": 224,
    "test_vit": 160,
    "vit_tiny_r_s16_p8_224": 224,
    "test_vit_relpos": 160,
    "samvit_base_patch16_224": 224,
    "vitamin_small_224": 224,
    "volo_d1_224": 224,
    "ese_vovnet19b_slim_dw": 224,
    "legacy_xception": 299,
    "xception41p": 299,
    "xcit_nano_12_p8_224": 224,
}


def _timm(name: str, side: int) -> Model:
    import timm

    return Model(timm.create_model(name).eval(), (torch.randn(1, 3, side, side),))


def _transformers(kind: str, name: str) -> Model:
    module, inputs = architectures.make(kind, name)
    return Model(module, (), inputs)


# torchvision's images: 299 x 299 where the architecture asks for it, one size for those that fix
# theirs; small ones where any will do, since large models need no large images to be compared.
SIDES = {"inception_v3": 299, "maxvit_t": 224}


def _torchvision(name: str, family: str) -> Model:
    from torchvision.models import get_model

    weights = {"weights_backbone": None} if family == "segmentation" else {}
    module = get_model(name, weights=None, **weights).eval()
    if family == "video":
        side = 224 if name.startswith(("mvit", "s3d")) else 112
        return Model(module, (torch.randn(1, 3, 16, side, side),))
    if family == "optical_flow":
        return Model(module, (torch.randn(1, 3, 128, 128), torch.randn(1, 3, 128, 128)))
    side = SIDES.get(name, 224 if name.startswith("vit") else 128)
    return Model(module, (torch.randn(1, 3, side, side),))


def catalogue() -> dict[str, Callable[[], Model]]:
    """`timm/NAME` and so on -> how it is made."""
    from torchvision import models

    made: dict[str, Callable[[], Model]] = {}
    families = {
        "classification": models,
        "segmentation": models.segmentation,
        "video": models.video,
        "optical_flow": models.optical_flow,
    }
    for family, module in families.items():
        for name in models.list_models(module):
            made[f"torchvision/{name}"] = partial(_torchvision, name, family)
    for name, side in TIMM.items():
        made[f"timm/{name}"] = partial(_timm, name, side)
    for kind, names in architectures.TYPES.items():
        for name in names.split():
            made[f"transformers/{name}"] = partial(_transformers, kind, name)
    return made


def make(name: str) -> Model:
    """The model of that name, the same in every process, with the statistics of random inputs in
    its batch norms: with PyTorch's initial ones a deep network's output shrinks to nothing."""
    torch.manual_seed(0)
    model = catalogue()[name]()
    _fill_zeros(model.module)
    for size in (4, 1):  # the statistics of fewer values make for small variances
        args, kwargs = pytree.tree_map_only(
            Tensor, partial(_batch, size=size), (model.args, model.kwargs)
        )
        with suppress(ValueError, RuntimeError):  # a batch that it does not take, or one value
            warmed(model.module, *args, **kwargs)
            break
    return model


def _fill_zeros(module: nn.Module) -> None:
    """Heads that begin as zeros (vision transformers) would make any comparison hold."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d) and not layer.weight.any():
            nn.init.normal_(layer.weight, std=0.02)


def _batch(example: Tensor, size: int) -> Tensor:
    many = example.repeat(size, *[1] * (example.dim() - 1))
    return torch.randn_like(many) if many.is_floating_point() else many
