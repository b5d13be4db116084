"""Where `experiments/` lies and what it holds; imports nothing heavy, since `--help` uses it."""

from pathlib import Path


def experiments_folder() -> Path:
    """The folder of published tables: inside the package when installed from a wheel, at the top of a checkout else."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "experiments"
    return shipped if shipped.is_dir() else package.parents[1] / "experiments"


def experiment_names() -> list[str]:
    """The experiments that can be reproduced by name."""
    return sorted(path.parent.name for path in experiments_folder().glob("*/sweep.yaml"))
