"""The experiments (published tables), those of plugins included; imports nothing heavy."""

from pathlib import Path

from avseg.config.paths import shipped_folder
from avseg.config.plugins import plugins


def experiments_folder() -> Path:
    """The experiments of avseg."""
    return shipped_folder("experiments")


def experiment_folder(name: str) -> Path:
    """The folder of an experiment; avseg's own come first, then those of plugins."""
    for root in _roots():
        if (root / name / "sweep.yaml").is_file():
            return root / name
    return experiments_folder() / name


def experiment_names() -> list[str]:
    """The experiments that can be reproduced by name."""
    names: set[str] = set()
    for root in _roots():
        names.update(path.parent.name for path in root.glob("*/sweep.yaml"))
    return sorted(names)


def _roots() -> list[Path]:
    return [experiments_folder(), *(plugin.folder / "experiments" for plugin in plugins())]
