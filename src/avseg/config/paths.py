"""Where `conf/` lies and what groups it has; imports nothing heavy, since `--help` uses it."""

from pathlib import Path


def conf_folder() -> Path:
    """The folder of yaml files: inside the package when installed from a wheel, at the top of a checkout else."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "conf"
    return shipped if shipped.is_dir() else package.parents[1] / "conf"


def groups_help() -> str:
    """A line per group with its options."""
    return "\n".join(f"  {group:10s} {', '.join(options(group))}" for group in groups())


def options(group: str) -> list[str]:
    """The options of a group."""
    return sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))


def groups() -> list[str]:
    """The groups; `hydra` is Hydra's own."""
    return sorted(path.name for path in conf_folder().iterdir() if path.is_dir() and path.name != "hydra")
