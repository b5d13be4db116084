"""Record the provenance of a run: commit, versions, hardware, command, seed, time and memory."""

import datetime
import importlib.metadata
import os
import platform
import resource
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TypeAlias

import torch

from avseg.config.plugins import plugins

Manifest: TypeAlias = dict[str, object]  # the content of a json file

_PACKAGES = ["avseg", "torch", "torchvision", "torchaudio", "pytorch-lightning", "hydra-core", "timm", "torchmetrics"]
_PACKAGES += ["numpy", "av"]
_GIT_TIMEOUT = 10  # seconds
# the kernel counts KiB on Linux and bytes on macOS
_UNITS_PER_MIB = 2**20 if sys.platform == "darwin" else 2**10


def begin(seed: int, data_fingerprint: str) -> Manifest:
    """Record what is known before the first step; a run never continues on data of another fingerprint."""
    versions: dict[str, str | None] = {}
    for name in _PACKAGES:
        versions[name] = _version(name)
    versions["python"] = platform.python_version()
    return {
        "started": _now(),
        "command": shlex.join(sys.argv),
        "seed": seed,
        "data_fingerprint": data_fingerprint,
        "git": _git(),
        "versions": versions,
        "plugins": {plugin.name: plugin.record for plugin in plugins()},
        "hardware": {
            "machine": platform.machine(),
            "system": platform.system(),
            "cores": os.cpu_count(),
            "gpus": list(map(torch.cuda.get_device_name, range(torch.cuda.device_count()))),
        },
    }


def finish(manifest: Manifest, seconds: float) -> Manifest:
    """Add what is known at the end: wall time (s) of this process and peak memory (MiB)."""
    peak = {"peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNITS_PER_MIB)}
    if torch.cuda.is_available():
        peak["peak_gpu_memory_mib"] = round(torch.cuda.max_memory_allocated() / 2**20)
    return manifest | {"finished": _now(), "wall_seconds": round(seconds, 1)} | peak


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git() -> dict[str, str | bool] | None:
    # of the checkout that the package runs from; None outside of one
    try:
        commit = _run_git("rev-parse", "HEAD")
        changes = _run_git("status", "--porcelain", "-uno")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "changed": bool(changes)}


def _run_git(*arguments: str) -> str:
    folder = Path(__file__).resolve().parent
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_GIT_TIMEOUT, check=True)
    return done.stdout.strip()
