"""Models of avseg on the Hugging Face Hub, such as "hf:owner/name"."""

import logging
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from avseg.utils.cache import cache_folder
from avseg.utils.errors import UserError
from avseg.weights.client_errors import is_local, reason

PREFIX = "hf:"
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
_REPOSITORY = re.compile(r"[\w.\-]+/[\w.\-]+(@[\w.\-/]+)?")


def fetch_from_hub(name: str) -> Path:
    """Return the folder of a model "hf:owner/name" or "hf:owner/name@revision"; the newest, or offline the cached one.

    Raises:
        UserError: the name is not of this form; it cannot be downloaded; it is not a model of avseg.
    """
    repository, _, revision = name.removeprefix(PREFIX).partition("@")
    if not _REPOSITORY.fullmatch(name.removeprefix(PREFIX)):
        raise UserError(f"{name}: is not a repository of the Hugging Face Hub; write hf:owner/name")
    options: dict[str, Any] = {
        "revision": revision or None,
        "allow_patterns": [WEIGHTS_FILE, CONFIG_FILE],
        "cache_dir": cache_folder() / "huggingface",
    }
    try:
        with hub_client() as client:
            folder = Path(client.snapshot_download(repository, **options))
    except Exception as error:  # the client raises dozens of types
        if is_local(error):
            raise
        folder = _cached(repository, options) or Path()
        if folder == Path():
            raise UserError(
                f"{name}: could not be downloaded ({reason(error)}); put {CONFIG_FILE} and {WEIGHTS_FILE} of "
                f"https://huggingface.co/{repository} into a folder, and give that in place of {name}"
            ) from error
    missing = [file for file in (CONFIG_FILE, WEIGHTS_FILE) if not (folder / file).is_file()]
    if missing:
        raise UserError(f"{name}: holds no {' and no '.join(missing)}; give a repository made by `avseg weights push`")
    return folder


@contextmanager
def hub_client() -> Iterator[ModuleType]:
    """Yield huggingface_hub, quiet but for a progress bar on a terminal; fails at once without a network."""
    import huggingface_hub

    hub_utils: Any = import_module("huggingface_hub.utils")

    check_hub()
    log = logging.getLogger("huggingface_hub")
    level = log.level
    hidden = not sys.stderr.isatty() and not hub_utils.are_progress_bars_disabled()
    if hidden:
        hub_utils.disable_progress_bars()
    log.setLevel(logging.ERROR)
    try:
        yield huggingface_hub
    finally:
        log.setLevel(level)
        if hidden:
            hub_utils.enable_progress_bars()


def check_hub() -> None:
    """Raise an `OSError` without a network; the hub's client would try again for most of a minute."""
    from huggingface_hub import constants

    hub = urlsplit(constants.ENDPOINT)
    if not getproxies() and not constants.HF_HUB_OFFLINE:
        port = hub.port or (443 if hub.scheme == "https" else 80)
        socket.create_connection((hub.hostname or "", port), timeout=10).close()


def _cached(repository: str, options: dict[str, Any]) -> Path | None:
    """Return the folder of an earlier download."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, local_files_only=True, **options))
    except Exception:  # not there, or not complete
        return None
