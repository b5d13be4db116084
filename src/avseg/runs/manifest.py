"""The manifest: what is needed to know a run again, years later."""

import datetime
import importlib.metadata
import os
import platform
import resource
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

_PACKAGES = (
    "avseg",
    "torch",
    "torchvision",
    "torchaudio",
    "pytorch-lightning",
    "hydra-core",
    "timm",
    "torchmetrics",
    "numpy",
    "av",
)


def begin(seed: int, data_fingerprint: str) -> dict[str, Any]:
    """What is known before the first step.

    Args:
        seed: of the run.
        data_fingerprint: from the data module; a run never continues on other data.
    """
    return {
        "started": _now(),
        "command": shlex.join(sys.argv),
        "seed": seed,
        "data_fingerprint": data_fingerprint,
        "git": _git(),
        "versions": {name: _version(name) for name in _PACKAGES} | {"python": platform.python_version()},
        "hardware": _hardware(),
    }


def finish(manifest: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Adds what only the end knows: wall time (s) of this process and peak memory (MiB)."""
    # the kernel counts KiB on Linux and bytes on macOS
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    peak = {"peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)}
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


def _git() -> dict[str, Any] | None:
    """Commit of the checkout that the package runs from, and whether it was changed since; None outside a checkout."""
    folder = Path(__file__).resolve().parent
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=10)
        if commit.returncode:
            return None
        changed = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=folder, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"commit": commit.stdout.strip(), "changed": bool(changed.stdout.strip())}


def _hardware() -> dict[str, Any]:
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count(), "gpus": gpus}
