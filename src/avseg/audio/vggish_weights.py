"""AudioSet weights of VGGish: from a local file, or downloaded and checked."""

from pathlib import Path

import torch

from avseg.audio.vggish import VGGish
from avseg.utils.errors import UserError
from avseg.utils.weights_file import cache_folder, read_state_dict

# the eight digits in the name are the beginning of the file's SHA-256, the custom of torch.hub, which checks them
VGGISH_FILE = "vggish-10086976.pth"
VGGISH_SHA256_PREFIX = "10086976"
VGGISH_URL = f"https://github.com/harritaylor/torchvggish/releases/download/v0.1/{VGGISH_FILE}"


def load_vggish_weights(vggish: VGGish, source: str | Path = "download") -> None:
    """Gives VGGish its AudioSet weights.

    Args:
        vggish: the network to fill.
        source: a weights file, or "download" for the public one in the cache folder, fetched and checked if absent.

    Raises:
        UserError: the file cannot be had, is not what its name says, or does not fit.
    """
    path = _public_vggish() if source == "download" else Path(source)
    weights = _networks_only(read_state_dict(path))
    try:
        vggish.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{path}: is not VGGish ({_reason(error)}); give {VGGISH_FILE} from {VGGISH_URL}") from error


def _public_vggish() -> Path:
    path = cache_folder() / VGGISH_FILE
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(VGGISH_URL, str(path), hash_prefix=VGGISH_SHA256_PREFIX, progress=True)
    except Exception as error:  # no network comes as one of many types, a wrong hash as RuntimeError
        raise UserError(
            f"VGGish: its weights could not be downloaded ({_reason(error)}); put {VGGISH_FILE} "
            f"(from {VGGISH_URL}) into {cache_folder()}, or choose an audio encoder without weights"
        ) from error
    return path


def _networks_only(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Leaves out the PCA post-processing that some copies of the file carry."""
    return {name: tensor for name, tensor in weights.items() if not name.startswith("pproc.")}


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()[:16]) or type(error).__name__
