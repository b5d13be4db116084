"""The folder of downloaded files and of fingerprints of data sets; imports no torch."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder for downloaded weights, which users may fill: `$AVSEG_CACHE`, else ~/.cache/avseg."""
    return Path(os.environ.get("AVSEG_CACHE") or Path.home() / ".cache" / "avseg")
