"""Folders of configurations and experiments, those of plugins included; imports nothing heavy."""

from pathlib import Path

from avseg.config.plugins import plugins


def shipped_folder(name: str) -> Path:
    """Return a folder inside the package when installed from a wheel, else at the top of the checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parents[1] / name


def conf_folder() -> Path:
    """Return the folder of avseg's yaml files."""
    return shipped_folder("conf")


def conf_folders() -> list[Path]:
    """Return the folders of the yaml files of avseg and of every plugin."""
    return [conf_folder(), *(plugin.conf for plugin in plugins() if plugin.conf.is_dir())]


def groups() -> list[str]:
    """List the configuration groups; `hydra` is Hydra's own."""
    names: set[str] = set()
    for folder in conf_folders():
        for path in folder.iterdir():
            if path.is_dir():
                names.add(path.name)
    return sorted(names - {"hydra"})


def options(group: str) -> list[str]:
    """List the options of a group."""
    names: set[str] = set()
    for folder in conf_folders():
        names.update(path.stem for path in (folder / group).glob("*.yaml"))
    return sorted(names)


def experiments_folder() -> Path:
    """Return the folder of avseg's experiments (published tables)."""
    return shipped_folder("experiments")


def experiment_folder(name: str) -> Path:
    """Return the folder of an experiment; avseg's own come first, then those of plugins."""
    for root in _experiment_roots():
        if (root / name / "sweep.yaml").is_file():
            return root / name
    return experiments_folder() / name


def experiment_names() -> list[str]:
    """List the experiments that can be reproduced by name."""
    names: set[str] = set()
    for root in _experiment_roots():
        names.update(path.parent.name for path in root.glob("*/sweep.yaml"))
    return sorted(names)


def _experiment_roots() -> list[Path]:
    return [experiments_folder(), *(plugin.folder / "experiments" for plugin in plugins())]


def groups_help() -> str:
    """List a line per group with its options."""
    return "\n".join(f"  {group:10s} {', '.join(options(group))}" for group in groups())
