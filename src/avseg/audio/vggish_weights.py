"""Load the AudioSet weights of VGGish, from a local file or downloaded and verified."""

from pathlib import Path

import torch

from avseg.audio.vggish import VGGish
from avseg.utils.errors import UserError
from avseg.utils.weights_file import cache_folder, read_state_dict

# torch.hub verifies the eight digits in the name: they are the start of the file's SHA-256
VGGISH_FILE = "vggish-10086976.pth"
VGGISH_SHA256_PREFIX = "10086976"
VGGISH_URL = f"https://github.com/harritaylor/torchvggish/releases/download/v0.1/{VGGISH_FILE}"


def load_vggish_weights(vggish: VGGish, source: str | Path = "download") -> None:
    """Load the AudioSet weights into VGGish, from a file, or "download"ed into the cache folder.

    Raises:
        UserError: the file cannot be downloaded, does not match its name, or does not fit.
    """
    path = _cached_weights() if source == "download" else Path(source)
    weights: dict[str, torch.Tensor] = {}
    for name, tensor in read_state_dict(path).items():
        if not name.startswith("pproc."):  # PCA post-processing, in some copies of the file
            weights[name] = tensor
    try:
        vggish.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{path}: is not VGGish ({_reason(error)}); give {VGGISH_FILE} from {VGGISH_URL}") from error


def _cached_weights() -> Path:
    path = cache_folder() / VGGISH_FILE
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(VGGISH_URL, str(path), hash_prefix=VGGISH_SHA256_PREFIX, progress=True)
    except Exception as error:  # network errors have many types, a wrong hash is a RuntimeError
        raise UserError(
            f"VGGish: the weights could not be downloaded ({_reason(error)}); put {VGGISH_FILE} "
            f"(from {VGGISH_URL}) into {cache_folder()}, or choose an audio encoder without weights"
        ) from error
    return path


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()[:16]) or type(error).__name__
