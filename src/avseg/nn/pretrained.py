"""timm encoders with weights from timm's hub, from a file, or from an installed package."""

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import timm
import torch
from huggingface_hub import constants
from torch import Tensor

from avseg.nn import efficientnet_lite
from avseg.utils.cache import cache_folder
from avseg.utils.errors import UserError, nearest
from avseg.utils.used_files import note_file
from avseg.utils.weights_file import SUFFIXES, read_state_dict

# the weights that the paper used; timm's default for resnet50 is a different, stronger training
PAPER_WEIGHTS = {"resnet50": "resnet50.tv_in1k"}
# the official PVT-v2 trains with stochastic depth, which timm disables by default
STOCHASTIC_DEPTH = {"pvt_v2": 0.1}


def create_encoder(name: str, pretrained: bool | str = False) -> Any:
    """Create a timm `features_only` encoder (untyped, like timm); the arguments are those of `Backbone`.

    Raises:
        UserError: the name is unknown, the model has no stages, or the weights are not available or do not fit.
    """
    _check_name(name)
    if pretrained is False:
        return _create(name)
    if pretrained is True:
        path = _cached_file(name)
        return _from_weights(name, read_state_dict(path), str(path)) if path else _from_hub(name)
    if pretrained == "package":
        weights = read_state_dict(efficientnet_lite.package_file(name))
        return _from_weights(name, efficientnet_lite.to_timm(weights), "the package's weights")
    return _from_weights(name, read_state_dict(Path(pretrained)), pretrained)


def _check_name(name: str) -> None:
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise UserError(
            f"backbone: '{name}' is not a timm model{nearest(architecture, timm.list_models())}; "
            "timm.list_models() lists all names"
        )
    if tag and name not in timm.list_pretrained(f"{architecture}.*"):
        raise UserError(
            f"backbone: '{name}': timm has no weights '{tag}' for '{architecture}'; "
            f"allowed are {', '.join(timm.list_pretrained(f'{architecture}.*')) or 'none'}"
        )


def _create(name: str, **options: Any) -> Any:
    for family, rate in STOCHASTIC_DEPTH.items():
        if name.startswith(family):
            options["drop_path_rate"] = rate
    name = PAPER_WEIGHTS.get(name, name)  # an explicit tag is kept
    try:
        try:  # Swin and its relatives accept one image size only by default
            return timm.create_model(name, features_only=True, strict_img_size=False, **options)
        except TypeError:
            return timm.create_model(name, features_only=True, **options)
    except (AttributeError, AssertionError, NotImplementedError) as error:
        raise UserError(
            f"backbone: '{name}' does not return the maps of its stages (timm features_only); "
            "choose resnet50, pvt_v2_b5 or the like"
        ) from error


def _cached_file(name: str) -> Path | None:
    for suffix in SUFFIXES:
        path = cache_folder() / f"{name}{suffix}"
        note_file(path)  # also where it does not exist: later it would be read instead of the hub's
        if path.is_file():
            return path
    return None


def _from_hub(name: str) -> Any:
    try:
        _check_hub()
        return _create(name, pretrained=True)
    except UserError:
        raise
    except Exception as error:  # the hub's client raises a dozen types for "no network"
        raise UserError(
            f"pretrained: the weights of '{name}' could not be downloaded ({type(error).__name__}); "
            f"put them at {cache_folder() / name}.safetensors (or .pth), or set pretrained=false"
        ) from error


def _check_hub() -> None:
    """Fail at once without a network; the hub's client would retry for most of a minute."""
    hub = urlsplit(constants.ENDPOINT)
    # a download of another timm model suggests that the weights are in the cache too
    cached = Path(constants.HF_HUB_CACHE).is_dir() and any(Path(constants.HF_HUB_CACHE).glob("models--timm--*"))
    if not cached and not getproxies():
        socket.create_connection((hub.hostname or "", hub.port or 443), timeout=10).close()


def _from_weights(name: str, weights: dict[str, Tensor], origin: str) -> Any:
    """Load through timm, which knows the original names of each architecture, and check that nothing is missing.

    timm skips missing weights without an error. A parameter that depends on the random seed was not loaded.
    """
    encoders: list[Any] = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            overlay = {"state_dict": dict(weights)}
            try:
                encoders.append(_create(name, pretrained=True, pretrained_cfg_overlay=overlay))
            except (RuntimeError, KeyError) as error:
                reason = str(error).split("\n")[-1].strip()
                raise UserError(
                    f"{origin}: does not fit the backbone '{name}' ({reason}); choose weights of this backbone"
                ) from error
    reseeded = encoders[1].state_dict()
    missing = [key for key, tensor in encoders[0].state_dict().items() if not torch.equal(tensor, reseeded[key])]
    if missing:
        raise UserError(
            f"{origin}: does not fit the backbone '{name}', {len(missing)} of its parameters are missing "
            f"({', '.join(missing[:3])}, ...); choose weights of this backbone"
        )
    return encoders[0]
