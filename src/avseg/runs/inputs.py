"""Inputs of a run besides its configuration: data files, weight files, plugins.

`inputs.json.gz` in the run directory holds their stamps and digests as they were when the run was begun. A run,
finished or not, is only continued or found complete where they are the same now. Importing this imports no torch.
"""

import gzip
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from avseg.config.plugins import Plugin, import_plugins, plugins
from avseg.config.schema import Plain, TrainConfig
from avseg.metrics.registry import registered_metrics
from avseg.runs.directory import RunDirectory
from avseg.utils.cache import cache_folder
from avseg.utils.errors import UserError
from avseg.utils.file_table import FileTable, walk_files, write_gzip
from avseg.utils.files import atomic_file

_CACHE = "$AVSEG_CACHE"  # stands for the folder of downloaded weights, which may move
_CODE = r".*\.(py|ya?ml)"
_CLASSES, _METRICS = "classes", "metrics"  # uses of a plugin


@dataclass(frozen=True)
class Inputs:
    """The inputs of a run.

    `root` is the data folder, with its files in `data`; where `names` is a pattern, a new file below `root` whose name
    matches is a change, too. `packs` were read instead of the files; they may be absent later. `weights` are paths as
    they were given; `plugins` maps the plugins that the run uses to their package, version, code and use.
    """

    root: str
    names: str | None = None
    data: FileTable = field(default_factory=FileTable)
    packs: FileTable = field(default_factory=FileTable)
    weights: FileTable = field(default_factory=FileTable)
    plugins: dict[str, dict[str, str]] = field(default_factory=dict)


def record_inputs(config: TrainConfig, data: Any, weights: Iterable[Path]) -> Inputs:
    """Read what a run depends on, from its data module and the weight files that its model was built from."""
    root = Path(data.root).resolve()
    names = getattr(data, "walked_names", None)
    packs = [os.path.relpath(path, data.root) for path in getattr(data, "pack_files", list)()]
    return Inputs(
        root=str(root),
        names=names,
        data=FileTable.of(root, walk_files(root, names) if names else _relative(data.input_files(), Path(data.root))),
        packs=FileTable.of(root, packs),
        weights=weights_table(weights),
        plugins=_plugin_records(config),
    )


def write_inputs(run: RunDirectory, inputs: Inputs) -> None:
    """Write the record of a run."""
    with atomic_file(run.inputs) as path:
        write_gzip(path, asdict(inputs))


def read_inputs(run: RunDirectory) -> Inputs | None:
    """Read the record of a run; None for a run of an earlier version, which has none."""
    try:
        values = json.loads(gzip.decompress(run.inputs.read_bytes()))
        for name in ("data", "packs", "weights"):
            values[name] = FileTable.load(values[name])
        return Inputs(**values)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        raise UserError(f"{run.inputs} is damaged ({type(error).__name__}); train again with --rerun") from error


def refuse_changed_inputs(run: RunDirectory, config: TrainConfig, *, fully: bool = False, name: str = "") -> None:
    """Raise `UserError` if a run, finished or begun, was made from other inputs than this command would read.

    `fully` reads every file; else those whose stamp has changed. `name` is that of a job of a sweep.
    """
    inputs = read_inputs(run)
    if inputs is not None and (difference := difference_of(inputs, config, fully=fully)):
        raise UserError(
            f"{name}{': ' if name else ''}{run.path} was begun {difference}; give the new run another name with "
            "experiment=NAME, or archive the old one and train again with --rerun"
        )


def difference_of(inputs: Inputs, config: TrainConfig, *, fully: bool = False) -> str:
    """Describe what differs from the inputs of a run, "" for nothing: "on other data than is in ROOT now: ..."."""
    root = _data_folder(inputs, config.data.root)
    if root is None:
        configured = Path(config.data.root).expanduser()
        # the numbers of a finished run stay those of its data where these were deleted
        same = str(configured.resolve()) == inputs.root or inputs.root.startswith(str(configured.resolve()) + os.sep)
        return "" if same or not inputs.data.paths else f"on other data: data.root={configured} does not exist"
    return _other_files(inputs, root, fully) or _other_plugins(inputs)


def refuse_changed_source(run: RunDirectory) -> None:
    """Raise `UserError` if the data or weights below a finished run, from which another begins, have changed since."""
    if difference := difference_since(run):
        raise UserError(f"{run.path}, which this run needs, was begun {difference}; train it again with --rerun")


def refuse_other_source(run: RunDirectory, config: TrainConfig) -> None:
    """Raise `UserError` if a finished branch was made from other data or weights than its composition would read."""
    inputs = read_inputs(run)
    if inputs is not None and (difference := difference_of(inputs, config)):
        raise UserError(f"{run.path}, which this run needs, was begun {difference}; train it again with --rerun")


def difference_since(run: RunDirectory) -> str:
    """Describe what has changed in the data folder and weights that a run was begun with, "" for nothing.

    Files that were deleted altogether do not count as changed.
    """
    inputs = read_inputs(run)
    if inputs is None or not Path(inputs.root).is_dir():
        return ""
    return _other_files(inputs, Path(inputs.root), fully=False)


def _other_files(inputs: Inputs, root: Path, fully: bool) -> str:
    changes = inputs.data.changes(root, fully=fully)
    if inputs.names:
        recorded = set(inputs.data.paths)
        changes.added.extend(path for path in walk_files(root, inputs.names) if path not in recorded)
    if text := changes.describe():
        return f"on other data than is in {root} now: {text}"
    packed = inputs.packs.changes(root, fully=fully)
    if packed.changed:
        return f"from another pack than is in {root} now: {packed.describe()}"
    return _other_weights(inputs, fully)


def _data_folder(inputs: Inputs, configured: str) -> Path | None:
    """Find the folder that the table is relative to: the configured one, or the one of the release inside of it."""
    root = Path(configured).expanduser()
    if not root.is_dir():
        return None
    first = next(iter(inputs.data.paths), "")
    if inputs.names or (root / first).is_file():
        return root.resolve()
    inside = next((folder for folder in sorted(root.iterdir()) if (folder / first).is_file()), root)
    return inside.resolve()


def _relative(paths: Iterable[Path], root: Path) -> list[str]:
    prefix = os.path.join(root, "")  # noqa: PTH118  # relative_to is slow for a data set
    names: list[str] = []
    for path in paths:
        text = str(path)
        names.append(text.removeprefix(prefix) if text.startswith(prefix) else os.path.relpath(text, root))
    return list(dict.fromkeys(names))


def weights_table(paths: Iterable[Path]) -> FileTable:
    """Read stamps and digests of weight files; of a folder those of the files in it."""
    files: dict[Path, None] = {}
    for path in paths:
        files |= dict.fromkeys(
            sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
        )
    table = FileTable.of(Path(), list(map(str, files)))
    return FileTable(list(map(_stored_path, files)), table.stamps, table.digests)


def _stored_path(path: Path) -> str:
    folder = cache_folder()
    return str(Path(_CACHE) / path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _other_weights(inputs: Inputs, fully: bool) -> str:
    paths: list[str] = []
    for path in inputs.weights.paths:
        stored = Path(path)
        paths.append(str(cache_folder() / stored.relative_to(_CACHE)) if stored.is_relative_to(_CACHE) else path)
    changes = FileTable(paths, inputs.weights.stamps, inputs.weights.digests).changes(Path(), fully=fully)
    # weights that were deleted since are not others
    changes.removed.clear()
    return f"with other weights: {text}" if (text := changes.describe()) else ""


def _other_plugins(inputs: Inputs) -> str:
    current = {plugin.name: plugin for plugin in plugins()}
    for name, old in inputs.plugins.items():
        if name not in current:
            if old.get("use") == _METRICS:  # without it the other scores are the same
                continue
            return f"with the plugin {name}, which is not loaded now"
        new = _plugin_record(current[name])
        if new["version"] != old["version"]:
            versions = f"{new['version'] or 'unknown'} now and was {old['version'] or 'unknown'}"
            return f"with another version of the plugin {name}: it is {versions}"
        if new["code"] != old["code"]:
            return f"with another code of the plugin {name} than is in {new['folder']} now"
    return ""


def _plugin_records(config: TrainConfig) -> dict[str, dict[str, str]]:
    """Describe the plugins that the configuration names, and those whose metrics the run has."""
    import_plugins()
    uses = {info.factory.__module__: _METRICS for info in registered_metrics(config.metrics.names) if info.factory}
    uses |= dict.fromkeys(_targets(config.plain()), _CLASSES)
    packages = {module.partition(".")[0]: use for module, use in uses.items()}
    records: dict[str, dict[str, str]] = {}
    for plugin in plugins():
        if use := packages.get(plugin.package.partition(".")[0]):
            records[plugin.name] = {**_plugin_record(plugin), "use": use}
    return records


def _plugin_record(plugin: Plugin) -> dict[str, str]:
    code = FileTable.of(plugin.folder, walk_files(plugin.folder, _CODE)).content
    return {"package": plugin.package, "version": plugin.version, "code": code, "folder": str(plugin.folder)}


def _targets(values: Plain) -> list[str]:
    targets: list[str] = []
    entries: Sequence[Plain] = ()
    if isinstance(values, dict):
        if isinstance(target := values.get("_target_", values.get("target")), str):
            targets.append(target)
        entries = list(values.values())
    elif isinstance(values, list):
        entries = values
    for entry in entries:
        targets += _targets(entry)
    return targets
