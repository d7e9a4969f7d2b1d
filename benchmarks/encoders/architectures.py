"""The transformer encoders that people bring, small and with random weights, from `timm`, `transformers` and torch.

An architecture is a function that makes a module and one input of each kind; its library is imported where it runs.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn

TOKENS = 12
VOCABULARY = 99

Inputs = tuple[torch.Tensor, ...]
Architecture = Callable[[], tuple[nn.Module, Inputs]]
ARCHITECTURES: dict[str, Architecture] = {}


def architecture(name: str) -> Callable[[Architecture], Architecture]:
    def register(make: Architecture) -> Architecture:
        ARCHITECTURES[name] = make
        return make

    return register


class Tensors(nn.Module):
    """A model of `transformers` as a function from tensors to one tensor."""

    def __init__(self, model: nn.Module, names: tuple[str, ...], pick: Callable[[Any], torch.Tensor], **fixed: Any):
        super().__init__()
        self.model, self.names, self.pick, self.fixed = model, names, pick, fixed

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        given = dict(zip(self.names, inputs, strict=True))
        return self.pick(self.model(**given, **self.fixed, return_dict=True))


class MaskedMean(nn.Module):
    """Sentence embeddings: the mean of the valid tokens, of length 1."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        tokens = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).expand(tokens.size()).float()
        pooled = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(pooled, p=2, dim=1)


def hidden(result: Any) -> torch.Tensor:
    return result.last_hidden_state


def pooled(result: Any) -> torch.Tensor:
    return result.pooler_output


def image(size: int = 64) -> Inputs:
    return (torch.randn(1, 3, size, size),)


def tokens() -> Inputs:
    mask = torch.ones(1, TOKENS, dtype=torch.int64)
    mask[:, -3:] = 0
    return torch.randint(3, VOCABULARY, (1, TOKENS)), mask


def of_timm(name: str, size: int = 64, **options: Any) -> Architecture:
    def make() -> tuple[nn.Module, Inputs]:
        return import_module("timm").create_model(name, pretrained=False, num_classes=10, **options), image(size)

    return make


def text(config: str, model: str, pick: Callable[[Any], torch.Tensor] = hidden, **options: Any) -> Architecture:
    """An encoder of token ids and their mask."""

    def make() -> tuple[nn.Module, Inputs]:
        transformers = import_module("transformers")
        usual = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
        usual |= dict(intermediate_size=48, max_position_embeddings=40)
        made = getattr(transformers, config)(**(usual | options))
        network = getattr(transformers, model)(made)
        return Tensors(network, ("input_ids", "attention_mask"), pick), tokens()

    return make


def vision(
    config: str, model: str, pick: Callable[[Any], torch.Tensor] = hidden, size: int = 64, **options: Any
) -> Architecture:
    """An encoder of images."""

    def make() -> tuple[nn.Module, Inputs]:
        transformers = import_module("transformers")
        usual = dict(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            image_size=64,
            patch_size=16,
        )
        made = getattr(transformers, config)(**(usual | options))
        return Tensors(getattr(transformers, model)(made), ("pixel_values",), pick), image(size)

    return make


SMALL = dict(img_size=64, embed_dim=32, depth=2, num_heads=4)
ARCHITECTURES |= {
    "vit/timm": of_timm("vit_tiny_patch16_224", **SMALL),
    "vit gap/timm": of_timm("vit_tiny_patch16_224", global_pool="avg", class_token=False, **SMALL),
    "deit/timm": of_timm("deit_tiny_patch16_224", **SMALL),
    "deit distilled/timm": of_timm("deit_tiny_distilled_patch16_224", **SMALL),
    "deit3/timm": of_timm("deit3_small_patch16_224", **SMALL),
    "beit/timm": of_timm("beit_base_patch16_224", **SMALL),
    "beitv2/timm": of_timm("beitv2_base_patch16_224", **SMALL),
    "dinov2/timm": of_timm("vit_small_patch14_dinov2", **(SMALL | dict(img_size=56)), size=56),
    "dinov2 reg/timm": of_timm("vit_small_patch14_reg4_dinov2", **(SMALL | dict(img_size=56)), size=56),
    "siglip/timm": of_timm("vit_base_patch16_siglip_224", **SMALL),
    "clip/timm": of_timm("vit_base_patch16_clip_quickgelu_224", **SMALL),
    "swin/timm": of_timm(
        "swin_tiny_patch4_window7_224", img_size=64, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4)
    ),
    "swin padded/timm": of_timm(
        "swin_tiny_patch4_window7_224",
        size=60,
        img_size=60,
        window_size=4,
        embed_dim=16,
        depths=(2, 2),
        num_heads=(2, 4),
    ),
    "swinv2/timm": of_timm(
        "swinv2_tiny_window8_256", img_size=64, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4)
    ),
    "poolformer/timm": of_timm("poolformer_s12"),
    "poolformerv2/timm": of_timm("poolformerv2_s12"),
    "convnext/timm": of_timm("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 24, 32)),
    "convnextv2/timm": of_timm("convnextv2_atto", depths=(1, 1, 1, 1), dims=(8, 16, 24, 32)),
    "mlp-mixer/timm": of_timm("mixer_b16_224", img_size=64),
    "gmlp/timm": of_timm("gmlp_ti16_224", img_size=64),
    "resmlp/timm": of_timm("resmlp_12_224", img_size=64),
    "levit/timm": of_timm("levit_128s", size=64, img_size=64),
    "mobilevit/timm": of_timm("mobilevit_xxs", size=64),
    "mobilevitv2/timm": of_timm("mobilevitv2_050", size=64),
    "maxvit/timm": of_timm("maxvit_rmlp_pico_rw_256", size=64, img_size=64),
    "maxvit tf/timm": of_timm(
        "maxvit_tiny_tf_224", size=64, img_size=64, embed_dim=(32, 32, 64, 64), depths=(1, 1, 1, 1), stem_width=8
    ),
    "coatnet/timm": of_timm("coatnet_nano_rw_224", size=64, img_size=64, depths=(1, 1, 1, 1)),
    "cait/timm": of_timm("cait_xxs24_224", img_size=64, embed_dim=32, depth=2, num_heads=4),
    "xcit/timm": of_timm("xcit_nano_12_p16_224", img_size=64, depth=2),
    "efficientformer/timm": of_timm("efficientformer_l1", size=224),
    "pvtv2/timm": of_timm("pvt_v2_b0", size=64, depths=(1, 1, 1, 1)),
    "twins/timm": of_timm("twins_svt_small", size=64, img_size=64),
    "eva02/timm": of_timm("eva02_tiny_patch14_224", **(SMALL | dict(img_size=56)), size=56),
    "efficientvit/timm": of_timm("efficientvit_m0", size=224),
    "edgenext/timm": of_timm("edgenext_xx_small", size=64),
    "fastvit/timm": of_timm("fastvit_t8", size=64),
    "crossvit/timm": of_timm("crossvit_tiny_240", size=240),
    "convit/timm": of_timm("convit_tiny", img_size=64, embed_dim=48, depth=2, num_heads=4),
    "vit/hf": vision("ViTConfig", "ViTModel"),
    "deit/hf": vision("DeiTConfig", "DeiTModel"),
    "beit/hf": vision("BeitConfig", "BeitModel", use_relative_position_bias=True),
    "dinov2/hf": vision("Dinov2Config", "Dinov2Model"),
    "swin/hf": vision(
        "SwinConfig",
        "SwinModel",
        embed_dim=16,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=4,
        patch_size=4,
        num_hidden_layers=2,
        num_attention_heads=[2, 4],
    ),
    "swinv2/hf": vision(
        "Swinv2Config",
        "Swinv2Model",
        embed_dim=16,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=4,
        patch_size=4,
        num_hidden_layers=2,
        num_attention_heads=[2, 4],
    ),
    "convnext/hf": vision(
        "ConvNextConfig",
        "ConvNextModel",
        pooled,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        patch_size=4,
        num_hidden_layers=4,
    ),
    "poolformer/hf": vision(
        "PoolFormerConfig", "PoolFormerModel", hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], patch_size=16
    ),
    "levit/hf": vision(
        "LevitConfig",
        "LevitModel",
        patch_size=16,
        num_attention_heads=[2, 2, 4],
        hidden_sizes=[16, 24, 32],
        depths=[1, 1, 1],
        key_dim=[8, 8, 8],
    ),
    "mobilevit/hf": vision("MobileViTConfig", "MobileViTModel", patch_size=2),
    "segformer/hf": vision(
        "SegformerConfig",
        "SegformerModel",
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 2, 2, 4],
    ),
    "clip vision/hf": vision("CLIPVisionConfig", "CLIPVisionModel", pooled),
    "siglip vision/hf": vision("SiglipVisionConfig", "SiglipVisionModel", pooled),
    "data2vec vision/hf": vision("Data2VecVisionConfig", "Data2VecVisionModel"),
    "bert/hf": text("BertConfig", "BertModel"),
    "bert pooler/hf": text("BertConfig", "BertModel", pooled),
    "roberta/hf": text("RobertaConfig", "RobertaModel"),
    "distilbert/hf": text("DistilBertConfig", "DistilBertModel", dim=32, n_layers=2, n_heads=4, hidden_dim=48),
    "electra/hf": text("ElectraConfig", "ElectraModel", embedding_size=32),
    "albert/hf": text("AlbertConfig", "AlbertModel", embedding_size=16),
    "mobilebert/hf": text(
        "MobileBertConfig", "MobileBertModel", embedding_size=16, intra_bottleneck_size=16, num_feedforward_networks=2
    ),
    "mpnet/hf": text("MPNetConfig", "MPNetModel"),
    "deberta/hf": text("DebertaConfig", "DebertaModel"),
    "deberta v2/hf": text("DebertaV2Config", "DebertaV2Model", relative_attention=True, pos_att_type=["p2c", "c2p"]),
    "xlm-roberta/hf": text("XLMRobertaConfig", "XLMRobertaModel"),
    "camembert/hf": text("CamembertConfig", "CamembertModel"),
    "t5 encoder/hf": text("T5Config", "T5EncoderModel", d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4),
    "clip text/hf": text("CLIPTextConfig", "CLIPTextModel"),
    "siglip text/hf": text("SiglipTextConfig", "SiglipTextModel"),
    "modernbert/hf": text(
        "ModernBertConfig",
        "ModernBertModel",
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=1,
        cls_token_id=1,
        sep_token_id=2,
    ),
    "nomic/hf": text("NomicBertConfig", "NomicBertModel"),
}


@architecture("minilm pooled/hf")
def minilm() -> tuple[nn.Module, Inputs]:
    transformers = import_module("transformers")
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48
    )
    return MaskedMean(transformers.BertModel(config)), tokens()


@architecture("whisper encoder/hf")
def whisper() -> tuple[nn.Module, Inputs]:
    transformers = import_module("transformers")
    config = transformers.WhisperConfig(
        d_model=32,
        encoder_layers=2,
        encoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_ffn_dim=48,
        num_mel_bins=8,
        max_source_positions=20,
    )
    return Tensors(transformers.WhisperModel(config).encoder, ("input_features",), hidden), (torch.randn(1, 8, 40),)


@architecture("wav2vec2 encoder/hf")
def wav2vec2() -> tuple[nn.Module, Inputs]:
    transformers = import_module("transformers")
    config = transformers.Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        conv_dim=(16, 16, 16),
        conv_stride=(5, 2, 2),
        conv_kernel=(10, 3, 3),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )
    return Tensors(transformers.Wav2Vec2Model(config), ("input_values",), hidden), (torch.randn(1, 800),)


@architecture("hubert layer norm/hf")
def hubert() -> tuple[nn.Module, Inputs]:
    transformers = import_module("transformers")
    config = transformers.HubertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        conv_dim=(16, 16, 16),
        conv_stride=(5, 2, 2),
        conv_kernel=(10, 3, 3),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    )
    return Tensors(transformers.HubertModel(config), ("input_values",), hidden), (torch.randn(1, 800),)


@architecture("nn.TransformerEncoder/torch")
def encoder() -> tuple[nn.Module, Inputs]:
    layer = nn.TransformerEncoderLayer(32, 4, 48, batch_first=True, activation="gelu", norm_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (torch.randn(1, TOKENS, 32),)


@architecture("nn.TransformerEncoder post/torch")
def post_encoder() -> tuple[nn.Module, Inputs]:
    layer = nn.TransformerEncoderLayer(32, 4, 48, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (torch.randn(1, TOKENS, 32),)


class Batch2nd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.transpose(0, 1)
        return self.attention(x, x, x, need_weights=False)[0].transpose(0, 1)


@architecture("nn.MultiheadAttention/torch")
def attention() -> tuple[nn.Module, Inputs]:
    return Batch2nd(), (torch.randn(1, TOKENS, 32),)
