"""Weights of the visual branches: COCO weights for any number of classes, or the random start of the official code."""

import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import nn

from avseg.models.lu_avs.presets import silence_transformers
from avseg.utils.cache import cache_folder
from avseg.utils.errors import UserError
from avseg.utils.used_files import note_file

# the class heads are trained from scratch for the labels of the data set; MaskFormer never uses this LayerNorm of Swin
REPLACED = ("class_predictor.", "class_labels_classifier.", "criterion.empty_weight")
UNUSED = ".encoder.model.layernorm."


def load_coco(model_class: Any, config: Any, pretrained: bool | str, repository: str | None) -> Any:
    """Build a model of `transformers` and load all its weights except those of the class head.

    The architecture comes from `config` alone, so that a checkpoint can be rebuilt without these weights. Code in a
    weights file is never run.

    `pretrained` is False (random); a folder with `model.safetensors` or `pytorch_model.bin`; a hub name
    "owner/repository"; or True for `repository`, the hub name of the published COCO weights of this architecture, taken
    from avseg's cache folder if it is there.

    Raises:
        UserError: the weights cannot be read or downloaded, or do not fit.
    """
    with silence_transformers():
        if pretrained is False:
            return model_class(config)
        source = _find_source(pretrained, repository)
        if Path(source).is_dir():
            note_file(Path(source))
        try:
            net, report = model_class.from_pretrained(
                source, config=config, ignore_mismatched_sizes=True, output_loading_info=True, dtype=torch.float32
            )
        except Exception as error:  # many types, from missing files to broken headers
            reason = str(error).strip().split("\n")[0]
            raise UserError(
                f"pretrained: the weights in {source} cannot be read ({reason}); {_advice(source)}"
            ) from error
    misfits: set[str] = set()
    for key in (*report["missing_keys"], *(str(entry[0]) for entry in report["mismatched_keys"])):
        if not key.startswith(REPLACED) and UNUSED not in key:
            misfits.add(key)
    if misfits:
        raise UserError(
            f"pretrained: {source} does not fit this config, {len(misfits)} of its parameters are missing or have "
            f"another size ({', '.join(sorted(misfits)[:3])}, ...); choose the config of the weights"
        )
    return net


def coco_classes(pretrained: bool | str, repository: str | None) -> int:
    """Read the number of classes of the weights from their config.json; arguments as of `load_coco`.

    Raises:
        UserError: the file is missing or does not contain the number.
    """
    from transformers import PretrainedConfig

    source = _find_source(pretrained, repository)
    try:
        with silence_transformers():
            values, _ = PretrainedConfig.get_config_dict(source)
        return len(values["id2label"]) if "id2label" in values else int(values["num_labels"])
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"the number of classes of {source} is not known ({reason}); {_advice(source)}") from error


def initialise(transformer: nn.Module, queries: nn.Embedding, *layers: nn.Module) -> None:
    """Initialise the transformer at random, as the official DETR and MaskFormer do.

    The models of `transformers` draw every weight, the query embeddings too, with a deviation of 0.02: all queries
    start nearly equal, and without COCO weights a small DETR never leaves the mean box. Here matrices are drawn by
    Xavier's uniform rule and queries from a unit normal distribution; biases and norms stay, and the linear and
    convolution layers of `layers` get PyTorch's defaults.
    """
    for parameter in transformer.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
    nn.init.normal_(queries.weight)
    for layer in layers:
        for module in layer.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                module.reset_parameters()


def _find_source(pretrained: bool | str, repository: str | None) -> str:
    """Return a folder, or the name of a repository that can be downloaded."""
    if pretrained is True:
        if repository is None:
            raise UserError("pretrained: this config has no published COCO weights; set pretrained=false, or a folder")
        folder = cache_folder() / repository.split("/")[-1]
        return str(folder) if folder.is_dir() else _reachable(repository)
    folder = Path(str(pretrained)).expanduser()
    if folder.is_dir():
        return str(folder)
    if str(pretrained).count("/") == 1 and not folder.is_absolute():
        return _reachable(str(pretrained))
    raise UserError(f"pretrained: {pretrained}: no such folder; {_advice(repository or 'the model')}")


def _reachable(repository: str) -> str:
    """Fail at once without a network; the client of the hub would retry for a minute and a half."""
    from huggingface_hub import constants, try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")
    cached = any(isinstance(try_to_load_from_cache(repository, name), str) for name in files)
    if cached or getproxies():
        return repository
    hub = urlsplit(constants.ENDPOINT)
    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set")
        socket.create_connection((hub.hostname or "", hub.port or 443), timeout=10).close()
    except OSError as error:
        raise UserError(f"pretrained: {repository} cannot be downloaded ({error}); {_advice(repository)}") from error
    return repository


def _advice(source: str) -> str:
    name = source.rstrip(os.sep).split("/")[-1]
    return (
        f"put config.json and model.safetensors (or pytorch_model.bin) of it into {cache_folder() / name} "
        "and set pretrained=true, or give your folder; pretrained=false starts from random weights"
    )
