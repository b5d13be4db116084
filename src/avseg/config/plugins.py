"""Plugins: other packages that add models, data sets, metrics and audio front ends without an edit in avseg.

An installed package announces itself by an entry point in the group `avseg.plugins`, whose value is the package:

    [project.entry-points."avseg.plugins"]
    example = "avseg_example"

Without packaging, `--plugin FOLDER_OR_MODULE` does the same. The plugin's folder `conf/` joins Hydra's search path and
its classes may be named by `_target_`. Importing the package registers its metrics (`avseg.metrics.registry`).
"""

import importlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from avseg.utils.errors import UserError

GROUP = "avseg.plugins"
# child processes (sweeps, further DDP ranks) load the same plugins
_ENVIRONMENT = "AVSEG_PLUGINS"


@dataclass(frozen=True)
class Plugin:
    """A package whose configurations and classes avseg may use."""

    name: str  # the entry point, or the last part of the path given to `--plugin`
    package: str  # holds its classes
    folder: Path
    version: str  # of its distribution; empty without one

    @property
    def conf(self) -> Path:
        """Folder of its configuration files."""
        return self.folder / "conf"

    @property
    def record(self) -> dict[str, str]:
        """Package, version and commit, for the manifest of a run."""
        command = ["git", "rev-parse", "HEAD"]
        try:
            commit = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=10).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            commit = ""
        return {"package": self.package, "version": self.version, "commit": commit}


def load(names: list[str]) -> None:
    """Make plugins known that are not installed (folders or modules), here and in child processes; see `plugins`."""
    local = _local_names()
    for name in names:
        path = Path(name)
        local.append(str(path.resolve()) if path.exists() else name)
    os.environ[_ENVIRONMENT] = os.pathsep.join(dict.fromkeys(local))
    plugins.cache_clear()
    plugins()


@cache
def plugins() -> tuple[Plugin, ...]:
    """Find the installed plugins and those given to `--plugin` (`UserError` without them), importing none."""
    by_package: dict[str, Plugin] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        version = entry.dist.version if entry.dist else ""
        by_package[entry.module] = _plugin(entry.name, entry.module, version)
    for name in _local_names():
        plugin = _local_plugin(name)
        by_package.setdefault(plugin.package, plugin)
    return tuple(by_package.values())


def import_plugins() -> None:
    """Import every plugin, so that its metrics are registered; raises `UserError` if one cannot be imported."""
    for plugin in plugins():
        try:
            importlib.import_module(plugin.package)
        except ImportError as error:
            raise UserError(f"plugin {plugin.name}: {plugin.package} cannot be imported ({error})") from error
        except SyntaxError as error:
            raise UserError(f"plugin {plugin.name}: {error.filename}, line {error.lineno}: {error.msg}") from error


def _local_names() -> list[str]:
    return list(filter(None, os.environ.get(_ENVIRONMENT, "").split(os.pathsep)))


def _local_plugin(name: str) -> Plugin:
    """Find a plugin by a folder (a package, or one with a package inside `src`) or a module name."""
    path = Path(name)
    if path.is_dir():
        folder = _package_folder(path)
        if str(folder.parent) not in sys.path:
            sys.path.insert(0, str(folder.parent))
        return _plugin(path.name, folder.name, "")
    return _plugin(name, name, "")


def _package_folder(path: Path) -> Path:
    for folder in (path, *sorted(path.glob("src/*")), *sorted(path.glob("*"))):
        if (folder / "__init__.py").is_file() and (folder / "conf").is_dir():
            return folder
    raise UserError(f"--plugin {path}: not a plugin; it needs a package (__init__.py) with a folder conf/ in it")


def _plugin(name: str, package: str, version: str) -> Plugin:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise UserError(f"plugin {name} does not exist; install it, or give --plugin a folder or an importable module")
    return Plugin(name, package, Path(spec.origin).parent, version)
