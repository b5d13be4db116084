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

    name: str
    package: str
    folder: Path
    version: str

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
    """Make plugins known that are not installed, folders or modules, in this process and its children.

    Raises:
        UserError: one of them does not exist.
    """
    known = [name for name in os.environ.get(_ENVIRONMENT, "").split(os.pathsep) if name]
    for name in names:
        path = Path(name)
        known.append(str(path.resolve()) if path.exists() else name)
    os.environ[_ENVIRONMENT] = os.pathsep.join(dict.fromkeys(known))
    plugins.cache_clear()
    plugins()


@cache
def plugins() -> tuple[Plugin, ...]:
    """Find the installed plugins and those given to `--plugin`, without importing them.

    Raises:
        UserError: a requested plugin does not exist.
    """
    found: dict[str, Plugin] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        version = entry.dist.version if entry.dist else ""
        found[entry.module] = _plugin(entry.name, entry.module, version)
    for name in os.environ.get(_ENVIRONMENT, "").split(os.pathsep):
        if name:
            plugin = _local_plugin(name)
            found.setdefault(plugin.package, plugin)
    return tuple(found.values())


def plugin_packages() -> tuple[str, ...]:
    """Return the packages whose classes a configuration may name."""
    return tuple(plugin.package for plugin in plugins())


def import_plugins() -> None:
    """Import every plugin, so that its metrics are registered.

    Raises:
        UserError: one of them cannot be imported.
    """
    for plugin in plugins():
        try:
            importlib.import_module(plugin.package)
        except ImportError as error:
            raise UserError(f"plugin {plugin.name}: {plugin.package} cannot be imported ({error})") from error


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
