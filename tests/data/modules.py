"""Make data modules of small AVSBench sets."""

from pathlib import Path
from typing import Any

from avseg.audio import FrontEnd, LogMel
from avseg.data.avsbench.config import AVSBenchConfig
from avseg.data.avsbench.datamodule import AVSBenchDataModule


def avsbench_module(
    root: Path,
    setting: str = "ms3",
    frontend: FrontEnd | None = None,
    seed: int = 123,
    controls: bool = True,
    vggish: str | None = None,
    **config: Any,
) -> AVSBenchDataModule:
    """Make a module of 32 x 32 clips that reads in this process; `config` overrides fields of `AVSBenchConfig`."""
    values: dict[str, Any] = {"image_size": 32, "num_workers": 0, **config}
    arguments = AVSBenchConfig(setting=setting, root=str(root), **values)
    return AVSBenchDataModule(arguments, frontend or LogMel(), seed, controls=controls, vggish=vggish)
