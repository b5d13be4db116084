"""Load the AudioSet weights of VGGish, from a local file or downloaded and verified."""

from pathlib import Path

import torch

from avseg.audio.vggish import VGGish
from avseg.utils.errors import UserError
from avseg.utils.weights_file import read_state_dict
from avseg.weights.fetch import fetch
from avseg.weights.registry import find


def load_vggish_weights(vggish: VGGish, source: str | Path = "download") -> None:
    """Load the AudioSet weights into VGGish, from a file, or "download"ed into the cache folder.

    Raises:
        UserError: the file cannot be downloaded, does not match its name, or does not fit.
    """
    record = find("vggish")
    path = fetch(record) if source == "download" else Path(source)
    weights: dict[str, torch.Tensor] = {}
    for name, tensor in read_state_dict(path).items():
        if not name.startswith("pproc."):  # PCA post-processing, in some copies of the file
            weights[name] = tensor
    try:
        vggish.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split()[:16])
        raise UserError(f"{path}: is not VGGish ({reason}); give {record.file} from {record.link}") from error
