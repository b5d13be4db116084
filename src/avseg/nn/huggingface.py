"""Models of the optional library `transformers`: their configuration from plain options, their published weights."""

import contextlib
import copy
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch

from avseg.utils.cache import cache_folder
from avseg.utils.errors import UserError
from avseg.utils.used_files import note_file


@contextlib.contextmanager
def silence_transformers() -> Iterator[None]:
    """Hide warnings of `transformers` that a user cannot act on, such as that a new head has no weights yet."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    shows_bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shows_bars:
            logging.enable_progress_bar()


def network_config(options: Mapping[str, Any], **changes: Any) -> Any:
    """Build a configuration of `transformers` from plain options, with those of its sub-networks."""
    from transformers import AutoConfig

    values = copy.deepcopy(dict(options))
    for name in ("backbone_config", "decoder_config"):
        # transformers reads the options of a timm backbone itself
        if name in values and values[name]["model_type"] != "timm_backbone":
            values[name] = AutoConfig.for_model(**values[name])
    return AutoConfig.for_model(**values | changes)


def load_pretrained(
    model_class: Any,
    config: Any,
    pretrained: bool | str,
    repository: str | None,
    fresh: tuple[str, ...],
    unused: str,
) -> Any:
    """Build a model of `transformers` and load its weights, except parameters whose names begin with one of `fresh`.

    The architecture comes from `config` alone, so that a checkpoint can be rebuilt without these weights. Code in a
    weights file is never run. Parameters with `unused` in their name may be missing.

    `pretrained` is False (random); a folder with `model.safetensors` or `pytorch_model.bin`; a hub name
    "owner/repository"; or True for `repository`, the hub name of the published weights of this architecture, taken from
    avseg's cache folder if it is there.

    Raises:
        UserError: the weights cannot be read or downloaded, or do not fit.
    """
    with silence_transformers():
        if pretrained is False:
            return model_class(config)
        source = find_source(pretrained, repository)
        if Path(source).is_dir():
            note_file(Path(source))
        try:
            net, report = model_class.from_pretrained(
                source, config=config, ignore_mismatched_sizes=True, output_loading_info=True, dtype=torch.float32
            )
        except Exception as error:  # many types, from missing files to broken headers
            reason = str(error).strip().split("\n")[0]
            raise UserError(
                f"pretrained: the weights in {source} cannot be read ({reason}); {how_to_get(source)}"
            ) from error
    misfits: set[str] = set()
    for key in (*report["missing_keys"], *(str(entry[0]) for entry in report["mismatched_keys"])):
        if not key.startswith(fresh) and unused not in key:
            misfits.add(key)
    if misfits:
        raise UserError(
            f"pretrained: {source} does not fit this config, {len(misfits)} of its parameters are missing or have "
            f"another size ({', '.join(sorted(misfits)[:3])}, ...); choose the config of the weights"
        )
    return net


def find_source(pretrained: bool | str, repository: str | None) -> str:
    """Return a folder, or the name of a repository that can be downloaded."""
    if pretrained is True:
        if repository is None:
            raise UserError("pretrained: this config has no published weights; set pretrained=false, or a folder")
        folder = cache_folder() / repository.split("/")[-1]
        return str(folder) if folder.is_dir() else _reachable(repository)
    folder = Path(str(pretrained)).expanduser()
    if folder.is_dir():
        return str(folder)
    if str(pretrained).count("/") == 1 and not folder.is_absolute():
        return _reachable(str(pretrained))
    raise UserError(f"pretrained: {pretrained}: no such folder; {how_to_get(repository or 'the model')}")


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
        raise UserError(f"pretrained: {repository} cannot be downloaded ({error}); {how_to_get(repository)}") from error
    return repository


def how_to_get(source: str) -> str:
    """Say where weights that cannot be downloaded are put."""
    name = source.rstrip(os.sep).split("/")[-1]
    return (
        f"put config.json and model.safetensors (or pytorch_model.bin) of it into {cache_folder() / name} "
        "and set pretrained=true, or give your folder; pretrained=false starts from random weights"
    )
