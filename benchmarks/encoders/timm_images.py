"""Encoders of images as timm has them."""

from benchmarks.encoders.modules import Architecture, of_class, of_timm

SMALL = dict(img_size=64, embed_dim=32, depth=2, num_heads=4)
TIMM: dict[str, Architecture] = {
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
    "maxvit/timm": of_timm(
        "maxvit_rmlp_pico_rw_256", img_size=64, embed_dim=(32, 32, 64, 64), depths=(1, 1, 1, 1), stem_width=(8, 16)
    ),
    "maxvit tf/timm": of_timm(
        "maxvit_tiny_tf_224", size=64, img_size=64, embed_dim=(32, 32, 64, 64), depths=(1, 1, 1, 1), stem_width=8
    ),
    "coatnet/timm": of_timm("coatnet_nano_rw_224", size=64, img_size=64, depths=(1, 1, 1, 1)),
    "cait/timm": of_timm("cait_xxs24_224", img_size=64, embed_dim=32, depth=2, num_heads=4),
    "xcit/timm": of_timm("xcit_nano_12_p16_224", img_size=64, depth=2),
    "efficientformer/timm": of_timm("efficientformer_l1", size=224, embed_dims=(16, 24, 32, 48), depths=(1, 1, 1, 2)),
    "pvtv2/timm": of_timm("pvt_v2_b0", size=64, depths=(1, 1, 1, 1)),
    "twins/timm": of_timm(
        "twins_svt_small", img_size=64, embed_dims=(16, 32, 32, 64), num_heads=(1, 2, 2, 4), depths=(1, 1, 1, 2)
    ),
    "eva02/timm": of_timm("eva02_tiny_patch14_224", **(SMALL | dict(img_size=56)), size=56),
    "efficientvit/timm": of_timm("efficientvit_m0", size=224),
    "edgenext/timm": of_timm("edgenext_xx_small", size=64),
    "fastvit/timm": of_timm("fastvit_t8", size=64),
    "crossvit/timm": of_timm("crossvit_tiny_240", size=240),
    "convit/timm": of_timm("convit_tiny", img_size=64, embed_dim=48, depth=2, num_heads=4),
    "efficientvit mit/timm": of_timm("efficientvit_b0", size=64),
    "hiera/timm": of_timm("hiera_tiny_224", img_size=64, embed_dim=16, stages=(1, 1, 1, 1)),
    "pit/timm": of_timm("pit_ti_224", img_size=64, depth=(1, 1, 1)),
    "coat lite/timm": of_timm("coat_lite_tiny", img_size=64, serial_depths=(1, 1, 1, 1)),
    "coat/timm": of_timm("coat_tiny", img_size=64, serial_depths=(1, 1, 1, 1), parallel_depth=1),
    "tnt/timm": of_timm(
        "tnt_s_patch16_224", img_size=64, embed_dim=32, inner_dim=8, depth=2, num_heads_outer=4, num_heads_inner=2
    ),
    "visformer/timm": of_timm("visformer_tiny", img_size=64, depth=(1, 1, 1)),
    "volo/timm": of_class(
        "volo", "VOLO", img_size=64, layers=(1, 1, 1, 1), embed_dims=(16, 32, 32, 32), num_heads=(2, 4, 4, 4)
    ),
    "davit/timm": of_timm("davit_tiny", depths=(1, 1, 1, 1), embed_dims=(16, 24, 32, 48), num_heads=(2, 2, 4, 4)),
    "focalnet/timm": of_class("focalnet", "FocalNet", depths=(1, 1, 1, 1), embed_dim=16),
    "gcvit/timm": of_class(
        "gcvit",
        "GlobalContextVit",
        img_size=64,
        depths=(1, 1, 1, 1),
        embed_dim=16,
        window_ratio=(16, 16, 32, 32),
        num_heads=(2, 2, 4, 4),
    ),
    "nest/timm": of_class("nest", "Nest", img_size=64, depths=(1, 1, 1), embed_dims=(16, 24, 32), num_heads=(2, 2, 4)),
    "mvitv2/timm": of_class(
        "mvitv2",
        "MultiScaleVit",
        img_size=(64, 64),
        cfg=lambda module: module.MultiScaleVitCfg(depths=(1, 1, 1, 1), embed_dim=16),
    ),
    "tinyvit/timm": of_class(
        "tiny_vit",
        "TinyVit",
        embed_dims=(16, 24, 32, 48),
        depths=(1, 1, 1, 1),
        num_heads=(1, 2, 4, 4),
        window_sizes=(4, 4, 4, 2),
    ),
    "repvit/timm": of_timm("repvit_m0_9"),
    "samvit/timm": of_timm(
        "samvit_base_patch16",
        img_size=64,
        embed_dim=32,
        depth=2,
        num_heads=4,
        neck_chans=16,
        window_size=2,
        global_attn_indexes=(1,),
    ),
    "vit relpos/timm": of_timm("vit_relpos_base_patch16_224", **SMALL),
    "vit srelpos/timm": of_timm("vit_srelpos_small_patch16_224", **SMALL),
    "vit rope/timm": of_timm("vit_small_patch16_rope_224", **SMALL),
    "efficientformerv2/timm": of_timm("efficientformerv2_s0", img_size=64, depths=(1, 1, 2, 2)),
    "caformer/timm": of_class(
        "metaformer",
        "MetaFormer",
        depths=(1, 1, 1, 1),
        dims=(16, 32, 32, 64),
        token_mixers=lambda module: [module.SepConv, module.SepConv, module.Attention, module.Attention],
        norm_layers=lambda module: [module.LayerNorm2dNoBias] * 2 + [module.LayerNormNoBias] * 2,
    ),
    "swiftformer/timm": of_timm("swiftformer_xs", layers=(1, 1, 1, 1), embed_dims=(16, 24, 32, 48)),
    "shvit/timm": of_timm("shvit_s1", size=128),
    "iformer/timm": of_timm("iformer_t"),
    "vitamin/timm": of_timm("vitamin_small_224", img_size=64),
    "sequencer/timm": of_timm("sequencer2d_s", layers=(1, 1, 1, 1), embed_dims=(16, 24, 32, 48)),
    "swinv2 cr/timm": of_timm(
        "swinv2_cr_tiny_224", img_size=64, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4)
    ),
    "twins pcpvt/timm": of_timm(
        "twins_pcpvt_small", img_size=64, depths=(1, 1, 1, 1), embed_dims=(16, 24, 32, 48), num_heads=(1, 2, 4, 4)
    ),
}
