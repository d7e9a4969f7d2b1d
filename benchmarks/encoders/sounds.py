"""Encoders of sound."""

from importlib import import_module

import torch
from torch import nn

from benchmarks.encoders.modules import Architecture, Inputs, Tensors, hidden, sound

SAMPLES = 800
SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)
WAVES = SMALL | dict(
    conv_dim=(16, 16, 16),
    conv_stride=(5, 2, 2),
    conv_kernel=(10, 3, 3),
    num_feat_extract_layers=3,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4,
)
CONFORMER = WAVES | dict(conv_depthwise_kernel_size=7)


def waves(family: str, **options: object) -> Architecture:
    """A model of samples, by the name that its classes share."""
    return sound(f"{family}Config", f"{family}Model", "input_values", SAMPLES, **(WAVES | options))


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


SOUNDS: dict[str, Architecture] = {
    "whisper encoder/hf": whisper,
    "wav2vec2 encoder/hf": waves("Wav2Vec2"),
    "hubert layer norm/hf": waves("Hubert", feat_extract_norm="layer", do_stable_layer_norm=True),
    "hubert/hf": waves("Hubert"),
    "wavlm/hf": waves("WavLM"),
    "data2vec audio/hf": waves("Data2VecAudio"),
    "unispeech/hf": waves("UniSpeech"),
    "sew/hf": waves("SEW", squeeze_factor=2),
    "wav2vec2 conformer/hf": waves("Wav2Vec2Conformer", **CONFORMER),
    "wav2vec2 conformer rotary/hf": waves("Wav2Vec2Conformer", position_embeddings_type="rotary", **CONFORMER),
    "wav2vec2 bert/hf": sound(
        "Wav2Vec2BertConfig",
        "Wav2Vec2BertModel",
        "input_features",
        20,
        16,
        feature_projection_input_dim=16,
        conv_depthwise_kernel_size=7,
        **SMALL,
    ),
    "ast/hf": sound("ASTConfig", "ASTModel", "input_values", 64, 32, max_length=64, num_mel_bins=32, **SMALL),
}
