"""Add the folders `conf/` of plugins to Hydra's search path, so that a plugin's options are options of every group."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from avseg.config.plugins import plugins


class AvsegSearchPath(SearchPathPlugin):  # type: ignore[misc]
    """Found by Hydra itself, through the namespace package `hydra_plugins`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append each folder; an option of avseg comes before one of the same name of a plugin."""
        for plugin in plugins():
            if plugin.conf.is_dir():
                search_path.append(f"avseg plugin {plugin.name}", f"file://{plugin.conf}")
