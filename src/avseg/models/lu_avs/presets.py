"""Named configurations of the visual branches; the optional library `transformers` is imported on use.

Each call builds a new configuration, since the models of `transformers` modify theirs.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

# from the number of classes K to a configuration of `transformers`
ConfigBuilder = Callable[[int], Any]


def build_config(branch: str, configs: dict[str, ConfigBuilder], name: str, num_classes: int) -> Any:
    """Build the configuration `name` of `configs`; an unknown name, or fewer than one class, is a `UserError`."""
    check_choice("config", name, configs, branch)
    if num_classes < 1:
        raise UserError(f"{branch}: num_classes is {num_classes}, but must be 1 or more")
    with silence_transformers():
        return configs[name](num_classes)


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


def _build_network(options: dict[str, Any], num_classes: int) -> Any:
    """Build the configuration for K classes from the options of presets.yaml, with those of its sub-networks."""
    from transformers import AutoConfig

    values = copy.deepcopy(options)
    for name in ("backbone_config", "decoder_config"):
        # transformers reads the options of a timm backbone itself
        if name in values and values[name]["model_type"] != "timm_backbone":
            values[name] = AutoConfig.for_model(**values[name])
    return AutoConfig.for_model(**values, num_labels=num_classes)


def _read_builders(branch: str) -> dict[str, ConfigBuilder]:
    presets = yaml.safe_load(Path(__file__).with_name("presets.yaml").read_text())[branch]
    return {name: partial(_build_network, options) for name, options in presets.items()}


MASK_CONFIGS = _read_builders("mask")
BOX_CONFIGS = _read_builders("box")
