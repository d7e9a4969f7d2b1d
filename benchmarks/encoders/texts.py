"""Encoders of token ids and their mask."""

from importlib import import_module

from torch import nn

from benchmarks.encoders.modules import VOCABULARY, Architecture, Inputs, MaskedMean, pooled, text, tokens


def minilm() -> tuple[nn.Module, Inputs]:
    transformers = import_module("transformers")
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48
    )
    return MaskedMean(transformers.BertModel(config)), tokens()


TEXTS: dict[str, Architecture] = {
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
    "squeezebert/hf": text("SqueezeBertConfig", "SqueezeBertModel", embedding_size=32),
    "convbert/hf": text("ConvBertConfig", "ConvBertModel", embedding_size=16),
    "ernie/hf": text("ErnieConfig", "ErnieModel"),
    "roformer/hf": text("RoFormerConfig", "RoFormerModel", embedding_size=32),
    "layoutlm/hf": text("LayoutLMConfig", "LayoutLMModel"),
    "longformer/hf": text("LongformerConfig", "LongformerModel", attention_window=[4, 4]),
    "rembert/hf": text("RemBertConfig", "RemBertModel", input_embedding_size=16),
    "gte/hf": text("GteConfig", "GteModel", pad_token_id=0),
    "jina v3/hf": text("JinaEmbeddingsV3Config", "JinaEmbeddingsV3Model", pad_token_id=0),
    "eurobert/hf": text(
        "EuroBertConfig", "EuroBertModel", pad_token_id=0, bos_token_id=1, eos_token_id=2, mask_token_id=3
    ),
    "ibert/hf": text("IBertConfig", "IBertModel"),
    "megatron bert/hf": text("MegatronBertConfig", "MegatronBertModel"),
    "roberta prelayernorm/hf": text("RobertaPreLayerNormConfig", "RobertaPreLayerNormModel"),
    "data2vec text/hf": text("Data2VecTextConfig", "Data2VecTextModel"),
    "fnet/hf": text("FNetConfig", "FNetModel"),
    "big bird full/hf": text("BigBirdConfig", "BigBirdModel", attention_type="original_full"),
    "esm/hf": text(
        "EsmConfig",
        "EsmModel",
        pad_token_id=1,
        position_embedding_type="rotary",
        token_dropout=False,
        mask_token_id=2,
    ),
    "flaubert/hf": text("FlaubertConfig", "FlaubertModel", emb_dim=32, n_layers=2, n_heads=4),
    "xlm/hf": text("XLMConfig", "XLMModel", emb_dim=32, n_layers=2, n_heads=4),
    "umt5 encoder/hf": text("UMT5Config", "UMT5EncoderModel", d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4),
    "luke/hf": text("LukeConfig", "LukeModel", entity_vocab_size=20, entity_emb_size=16),
    "splinter/hf": text("SplinterConfig", "SplinterModel"),
    "minilm pooled/hf": minilm,
}
