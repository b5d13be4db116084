"""COCO weights for the visual branches, from a folder or from the Hugging Face hub, whatever the number of classes."""

import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch

from avseg.models.lu_avs.presets import quiet
from avseg.utils.errors import UserError
from avseg.utils.weights_file import cache_folder

# the class heads are trained anew for the labels of the data set; this LayerNorm of MaskFormer's Swin is never used
REPLACED = ("class_predictor.", "class_labels_classifier.", "criterion.empty_weight")
UNUSED = ".encoder.model.layernorm."


def load_coco(model_class: Any, config: Any, pretrained: bool | str, repository: str | None) -> Any:
    """Builds a model of `transformers` and fills all of it but the class head with weights.

    The architecture comes from `config` alone, so that a checkpoint of ours rebuilds it without these weights. No code
    in a weights file is ever run.

    Args:
        model_class: a class of `transformers`.
        config: its configuration, with the number of classes of the data set.
        pretrained: False (random); a folder with `model.safetensors` or `pytorch_model.bin`; a hub name
            "owner/repository"; or True for `repository`, first looked for in avseg's cache folder.
        repository: the hub name of the published COCO weights of this architecture; None where there are none.

    Raises:
        UserError: the weights cannot be had, or do not fit.
    """
    with quiet():
        if pretrained is False:
            return model_class(config)
        source = _source(pretrained, repository)
        try:
            net, report = model_class.from_pretrained(
                source, config=config, ignore_mismatched_sizes=True, output_loading_info=True, dtype=torch.float32
            )
        except Exception as error:  # a dozen types, from missing files to broken headers
            reason = str(error).strip().split("\n")[0]
            raise UserError(
                f"pretrained: the weights in {source} cannot be read ({reason}); {_advice(source)}"
            ) from error
    wrong = {*report["missing_keys"], *(str(entry[0]) for entry in report["mismatched_keys"])}
    wrong = {key for key in wrong if not key.startswith(REPLACED) and UNUSED not in key}
    if wrong:
        raise UserError(
            f"pretrained: {source} does not fit this config, {len(wrong)} of its parameters are missing or of another "
            f"size ({', '.join(sorted(wrong)[:3])}, ...); choose the config that the weights were trained with"
        )
    return net


def coco_classes(pretrained: bool | str, repository: str | None) -> int:
    """How many classes the weights know, by the config.json beside them; arguments as of `load_coco`.

    Raises:
        UserError: there is none, or it does not say.
    """
    from transformers import PretrainedConfig

    source = _source(pretrained, repository)
    try:
        with quiet():
            settings, _ = PretrainedConfig.get_config_dict(source)
        return len(settings["id2label"]) if "id2label" in settings else int(settings["num_labels"])
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"the number of classes of {source} is not known ({reason}); {_advice(source)}") from error


def _source(pretrained: bool | str, repository: str | None) -> str:
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
    """Fails at once without a network, where the hub's client would try again for a minute and a half."""
    from huggingface_hub import constants, try_to_load_from_cache

    cached = any(
        isinstance(try_to_load_from_cache(repository, name), str) for name in ("model.safetensors", "pytorch_model.bin")
    )
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
