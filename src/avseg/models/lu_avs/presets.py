"""Named configurations of the visual branches; the optional library `transformers` is imported on use.

Each call builds a new configuration, since the models of `transformers` modify theirs.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from avseg.nn.huggingface import network_config, silence_transformers
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError
from avseg.utils.extras import require_transformers

# from the number of classes K to a configuration of `transformers`
ConfigBuilder = Callable[[int], Any]


def build_config(branch: str, configs: dict[str, ConfigBuilder], name: str, num_classes: int) -> Any:
    """Build the configuration `name` of `configs`; an unknown name, or fewer than one class, is a `UserError`."""
    check_choice("config", name, configs, branch)
    if num_classes < 1:
        raise UserError(f"{branch}: num_classes is {num_classes}, but must be 1 or more")
    require_transformers(branch, "lu_avs")
    with silence_transformers():
        return configs[name](num_classes)


def _build_network(options: dict[str, Any], num_classes: int) -> Any:
    """Build the configuration for K classes from the options of presets.yaml."""
    return network_config(options, num_labels=num_classes)


def _read_builders(branch: str) -> dict[str, ConfigBuilder]:
    presets = yaml.safe_load(Path(__file__).with_name("presets.yaml").read_text())[branch]
    return {name: partial(_build_network, options) for name, options in presets.items()}


MASK_CONFIGS = _read_builders("mask")
BOX_CONFIGS = _read_builders("box")
