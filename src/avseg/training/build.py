"""From a configuration to a task and its data: the part of a run that is science."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from avseg.audio.frontend import LogMel
from avseg.audio.mel_statistics import MelStatistics
from avseg.audio.vggish import VGGish
from avseg.audio.vggish_weights import load_vggish_weights
from avseg.data.avsbench.config import AVSBenchConfig
from avseg.data.avsbench.datamodule import AVSBenchDataModule
from avseg.data.pack import weights_fingerprint
from avseg.models.avs.module import AVSTask
from avseg.models.avs.network import AVSModel

if TYPE_CHECKING:
    from avseg.data.lu_avs import LUAVSDataModule
    from avseg.models.lu_avs.base import VideoTest


def build_any(config: dict[str, Any], labels: list[str], *, pretrained: bool = True) -> "AVSTask | VideoTest":
    """Builds the model that a configuration describes: the AVS model, or a branch for long videos.

    Args:
        config: a resolved and validated training configuration.
        labels: the names of LU-AVS's classes; none for AVSBench.
        pretrained: load the weights that the configuration names; False when a checkpoint fills them anyway.
    """
    if config["branch"]["name"] == "none":
        return build_task(config, pretrained=pretrained)
    from avseg.models.lu_avs.build import build_long_task

    return build_long_task(config, labels, pretrained=pretrained)


def build_task(config: dict[str, Any], *, pretrained: bool = True) -> AVSTask:
    """Builds the AVS model that a configuration describes; arguments as of `build_any`."""
    return AVSTask(config, *build_avs(config, pretrained=pretrained))


def build_avs(config: dict[str, Any], *, pretrained: bool = True) -> tuple[AVSModel, nn.Module]:
    """The AVS model and its sound encoder; arguments as of `build_any`."""
    backbone, fusion = config["backbone"], config["fusion"]
    net = AVSModel(
        backbone=backbone["name"],
        fusion_stages=tuple(fusion["stages"]),
        fusion_mode=fusion["mode"],
        fusion_scope=fusion["scope"],
        channels=config["task"]["channels"],
        pretrained=backbone["pretrained"] if pretrained else False,
        num_classes=config["data"]["num_classes"],
    )
    # a checkpoint written before there was this key has none
    net.to(memory_format=torch.channels_last if config["task"].get("channels_last") else torch.contiguous_format)  # type: ignore[call-overload]
    return net, _audio_encoder(config["audio"], pretrained)


def _audio_encoder(audio: dict[str, Any], pretrained: bool) -> nn.Module:
    if audio["name"] == "mel":
        return MelStatistics(hidden=audio["hidden"])
    encoder = VGGish()
    if pretrained and audio["weights"] != "random":
        load_vggish_weights(encoder, audio["weights"] or "download")
    return encoder


def build_data(config: dict[str, Any]) -> AVSBenchDataModule:
    """Builds the data module that a configuration describes."""
    data = config["data"]
    names = {item.name for item in fields(AVSBenchConfig)}
    values = {key: value for key, value in data.items() if key in names} | data["options"]
    vggish = None
    if data.get("packed_audio") == "embeddings":
        vggish = weights_fingerprint(_audio_encoder(config["audio"], pretrained=True).state_dict())
    return AVSBenchDataModule(AVSBenchConfig(**values), LogMel(data["hop"]), config["seed"], vggish=vggish)


def build_any_data(config: dict[str, Any]) -> "AVSBenchDataModule | LUAVSDataModule":
    """Builds the data module that a configuration describes, of short clips or of long videos."""
    if config["branch"]["name"] == "none":
        return build_data(config)
    from avseg.models.lu_avs.build import build_long_data

    return build_long_data(config)
