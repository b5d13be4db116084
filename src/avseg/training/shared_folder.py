"""The folder of a model that is shared: `model.safetensors` and `config.json`, as on the Hugging Face Hub."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from avseg.config.schema import Plain
from avseg.utils.errors import UserError
from avseg.utils.weights_file import read_state_dict
from avseg.weights.hub import CONFIG_FILE, WEIGHTS_FILE

_KEY = "avseg"  # of config.json


def write_shared(folder: Path, record: Mapping[str, Plain], state_dict: Mapping[str, Tensor]) -> None:
    """Write weights and configuration; `record` is the entry "avseg" of a checkpoint."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state_dict.items()}
    save_file(tensors, folder / WEIGHTS_FILE, {"format": "pt"})
    (folder / WEIGHTS_FILE).chmod(0o644)  # made readable for its owner alone
    text = json.dumps({_KEY: record}, indent=2) + "\n"
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")


def read_shared(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the record and the weights; raises `UserError` for a folder that is not of avseg, or damaged."""
    path = folder / CONFIG_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))[_KEY]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is not the configuration of a model of avseg ({type(error).__name__})") from error
    return record, read_state_dict(folder / WEIGHTS_FILE)
