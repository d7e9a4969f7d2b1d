"""The list: architectures by group, as `torchvision`, `timm` and our own modules have them, and their ONNX files."""

from pathlib import Path

import torch
from torch import nn

from benchmarks.encoders.modules import Architecture, Inputs, of_timm
from benchmarks.zoo.pictures import DETECTION, GENERATIVE, SEGMENTATION, VIDEO, of_torchvision
from benchmarks.zoo.sounds import SOUNDS

SIZE = 64  # of images, but where a network needs more
TORCHVISION = """
    alexnet vgg11_bn squeezenet1_1 shufflenet_v2_x0_5 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large
    googlenet inception_v3 resnet18 resnext50_32x4d wide_resnet50_2 mnasnet0_5 efficientnet_b0 efficientnet_v2_s
    regnet_y_400mf regnet_x_400mf densenet121 convnext_tiny
"""
TIMM = """
    resnet10t resnet18d resnet26t seresnet18 skresnet18 resnest14d ecaresnet26t resnext26ts resnetv2_50
    resnetv2_50x1_bit gernet_s regnetx_002 regnety_002 regnetz_005 mobilenetv2_035 mobilenetv3_small_050
    mobilenetv4_conv_small mobileone_s0 mobilenet_edgetpu_v2_xs efficientnet_lite0 tf_efficientnetv2_b0
    efficientnetv2_rw_t mixnet_s ghostnet_050 ghostnetv2_100 ghostnetv3_050 hardcorenas_a fbnetc_100 fbnetv3_b
    spnasnet_100 semnasnet_075 tinynet_e lcnet_035 hgnet_tiny hgnetv2_b0 res2net50_14w_8s res2next50 xception41
    dla34 dla46_c hrnet_w18_small cspresnet50 cspdarknet53 darknet53 darknetaa53 vovnet39a ese_vovnet19b_dw
    selecsls42 repvgg_a0 rexnet_100 nfnet_f0 eca_nfnet_l0 nf_regnet_b0 inception_v4 inception_resnet_v2
    nasnetalarge dpn68 legacy_senet154 senet154 vgg13 convnext_atto convnextv2_atto inception_next_atto
    repghostnet_050 edgenext_xx_small fasternet_t0 starnet_s1 bat_resnext26ts lambda_resnet26t botnet26t_256
    halonet26t gcresnet33ts visformer_tiny efficientformer_l1 fastvit_t8 repvit_m0_9 mobilevitv2_050 shvit_s1
    swiftformer_xs ghostnet_100 tf_mixnet_s mobilenetv1_100 resnetaa50
"""
SIZES = {
    **dict.fromkeys(("tv_alexnet", "tv_vgg11_bn"), 96),
    "tv_inception_v3": 128,
    **dict.fromkeys(("timm_inception_v4", "timm_inception_resnet_v2", "timm_nasnetalarge"), 160),
    **dict.fromkeys(("timm_visformer_tiny", "timm_efficientformer_l1", "timm_swiftformer_xs", "timm_repvit_m0_9"), 224),
    **dict.fromkeys(("timm_botnet26t_256", "timm_halonet26t", "timm_lambda_resnet26t", "timm_fastvit_t8"), 256),
    **dict.fromkeys(("timm_mobilevitv2_050", "timm_edgenext_xx_small", "timm_shvit_s1"), 256),
}
OPTIONS = {"googlenet": {"aux_logits": False, "init_weights": False}, "inception_v3": {"init_weights": False}}
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky": nn.LeakyReLU,
    "silu": nn.SiLU,
    "prelu": nn.PReLU,
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "softplus": nn.Softplus,
    "mish": nn.Mish,
    "softsign": nn.Softsign,
    "hardsigmoid": nn.Hardsigmoid,
    "logsigmoid": nn.LogSigmoid,
    "tanhshrink": nn.Tanhshrink,
    "softshrink": nn.Softshrink,
    "hardshrink": nn.Hardshrink,
    "hardtanh": nn.Hardtanh,
    "relu6": nn.ReLU6,
}


def perceptron(activation: type[nn.Module]) -> Architecture:
    def make() -> tuple[nn.Module, Inputs]:
        shared = activation()
        layers = (nn.Linear(16, 64), shared, nn.Linear(64, 64), shared, nn.Linear(64, 4))
        return nn.Sequential(*layers), (torch.randn(1, 16),)

    return make


GROUPS: dict[str, dict[str, Architecture]] = {
    "CNN classifiers": {
        f"tv_{name}": of_torchvision("", name, size=SIZES.get(f"tv_{name}", SIZE), **OPTIONS.get(name, {}))
        for name in TORCHVISION.split()
    }
    | {f"timm_{name}": of_timm(name, SIZES.get(f"timm_{name}", SIZE)) for name in TIMM.split()},
    "detection": DETECTION,
    "segmentation": SEGMENTATION,
    "speech and sequences": SOUNDS,
    "generative": GENERATIVE,
    "video": VIDEO,
    "activations": {f"act_{name}": perceptron(each) for name, each in ACTIVATIONS.items()},
}


def exported(name: str, folder: Path) -> Path:
    """The network's ONNX file in the folder, made with seeded weights and statistics where it is not there.

    Raises ImportError where its library is missing.
    """
    path = folder / f"{name}.onnx"
    if path.exists():
        return path
    torch.manual_seed(0)
    module, inputs = next(group[name] for group in GROUPS.values() if name in group)()
    for each in module.eval().modules():
        if isinstance(each, nn.BatchNorm2d) and each.running_mean is not None and each.running_var is not None:
            each.running_mean.normal_(0, 0.1)
            each.running_var.uniform_(0.5, 1.5)
    names = [f"in{i}" for i in range(len(inputs))]
    torch.onnx.export(module, inputs, path, dynamo=False, opset_version=17, input_names=names)
    return path
