"""Reference of the configuration: every key with type, default and meaning, and the options of the groups."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

import yaml
from docs.generate.field_texts import default_text, field_texts, nested, type_text
from docs.generate.markdown import code, plain, start, table

from avseg.config import schema
from avseg.config.components import find_class
from avseg.config.paths import conf_folder, groups, options
from avseg.models.lu_avs import config as lu_avs

FOLDER = "reference/config"
# groups whose options all have the same dataclass
CLOSED: Mapping[str, type[schema.Config]] = {
    "backbone": schema.BackboneConfig,
    "fusion": schema.FusionConfig,
    "init": schema.InitConfig,
    "optimizer": schema.OptimizerConfig,
    "trainer": schema.TrainerConfig,
    "logger": schema.LoggerConfig,
    "metrics": schema.MetricsConfig,
}
# parts of the models of long videos, which are described once
SHARED: Mapping[str, type[schema.Config]] = {
    "score": lu_avs.ScoreConfig,
    "smoothing": lu_avs.SmoothingConfig,
    "aggregation": lu_avs.AggregationConfig,
    "silent": lu_avs.SilentConfig,
}
SETTINGS = ("s4", "ms3", "avss")
HEADING = ("key", "meaning", "default", "type")  # on a phone the first two are seen


def pages() -> dict[str, str]:
    """Return the pages by path."""
    return {
        f"{FOLDER}/index.md": start("config") + table(("page", "keys"), _contents()),
        f"{FOLDER}/groups.md": _groups_page(),
        f"{FOLDER}/data.md": _components_page("data", "Data sets", "data"),
        f"{FOLDER}/models.md": _components_page("model", "Models", "model"),
        f"{FOLDER}/evaluate.md": _evaluate_page(),
    }


def _contents() -> Iterator[tuple[str, str]]:
    keys = ("experiment", "seed", "paths", *CLOSED, "audio", "callbacks", "recipe", "debug")
    yield "[groups](groups.md)", ", ".join(f"`{key}`" for key in keys)
    yield "[data sets](data.md)", "`data`"
    yield "[models](models.md)", "`model`, and the published recipes"
    yield "[evaluation](evaluate.md)", "what `avseg evaluate` reads"


def _groups_page() -> str:
    text = "# Groups\n\n## The default options\n\n" + table(("group", "option"), _defaults())
    top = [row for row in _rows(schema.TrainConfig, "", {}) if row[0] in ("`experiment`", "`seed`")]
    text += "\n## The run\n\n" + table(HEADING, [*top, *_rows(schema.PathsConfig, "paths", {})])
    for group, cls in CLOSED.items():
        text += f"\n## {group}\n\n{_options(group)}\n"
        text += table(HEADING, _rows(cls, group, option_values(group, _default_option(group))))
    text += "\n## audio\n\n" + _options("audio")
    for option in options("audio"):
        text += f"\n### audio={option}\n\n{_component_rows('audio', option)}"
    text += "\n## callbacks\n\n" + _options("callbacks") + "\n" + _callbacks()
    for group in ("recipe", "debug"):
        text += f"\n## {group}\n\n{_options(group)}"
    return text


def _components_page(group: str, title: str, prefix: str) -> str:
    text = f"# {title}\n\n" + _options(group)
    for option in options(group):
        if option.startswith("toy_"):
            continue  # the same keys with small values
        cls = _component(group, option)
        text += f"\n## {prefix}={option}\n\n" + _component_rows(group, option)
        if issubclass(cls, schema.ModelConfig):
            text += "\n" + _recipe(cls)
    return text + (_shared() if group == "model" else "")


def _shared() -> str:
    text = "\n## Shared by the models of long videos\n\n"
    text += "`score` of every model, `smoothing` and `aggregation` of the branches and their composition, `silent` "
    text += "of the mask and the box branch. The first three may be changed in an evaluation.\n"
    for name, cls in SHARED.items():
        text += f"\n### model.{name}\n\n" + table(HEADING, _rows(cls, f"model.{name}", {}))
    return text


def _component_rows(group: str, option: str) -> str:
    cls = _component(group, option)
    rows = [row for row in _rows(cls, group, option_values(group, option)) if row[0] not in _named(group)]
    reads = ""
    if issubclass(cls, schema.ModelConfig):
        names = ", ".join(f"`{name}`" for name in cls.reads) or "none"
        reads = f"Further groups that it reads: {names}.\n\n"
    first = plain((cls.__doc__ or "").split("\n\n")[0])
    return f"{first}\n\n{reads}" + (table(HEADING, rows) if rows else "No keys of its own.\n")


def _named(group: str) -> tuple[str, ...]:
    """The key that an option is selected by."""
    return (f"`{group}.name`",)


def _recipe(cls: type[schema.ModelConfig]) -> str:
    """The presets of a model by setting, where they are of one kind of data."""
    settings = SETTINGS if cls.data_kind == "clips" else ("lu_avs",)
    rows = []
    for setting in settings:
        preset = cls(name="").preset(setting)  # type: ignore[call-arg]
        values = (preset.max_epochs, preset.batch_size, preset.image_size, preset.videos_per_group)
        rows.append((f"`{setting}`", *(code(default_text(value)) for value in values)))
    heading = ("recipe for", "`trainer.max_epochs`", "`data.batch_size`", "`data.image_size`", "`videos_per_group`")
    return table(heading, rows)


def _evaluate_page() -> str:
    start = "# Evaluation\n\n`avseg evaluate checkpoint=RUN KEY=VALUE ...`; `null` keeps the value of the training.\n\n"
    rows = _rows(schema.EvaluateConfig, "", _yaml("evaluate.yaml"))
    end = "\n`trainer` is the group of [training](groups.md#trainer): `trainer=cpu`, `trainer=gpu`, `trainer=ddp`.\n"
    return start + table(HEADING, rows) + end


def _callbacks() -> str:
    values = option_values("callbacks", "default")["panels"]
    texts = {"clips": "validation clips in the image", "every_n_epochs": "how often it is drawn"}
    rows = []
    for key, text in texts.items():
        rows.append((f"`callbacks.panels.{key}`", text, code(default_text(values[key])), "integer, at least 1"))
    further = "\nA further Lightning callback: `+callbacks.NAME._target_=package.Class` and its arguments.\n"
    return table(HEADING, rows) + further


def _rows(cls: type[Any], prefix: str, values: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """The keys of a dataclass and of those inside it; `values` are those of the yaml file."""
    texts = field_texts(cls)
    rows = []
    for item in fields(cls):
        key = f"{prefix}.{item.name}" if prefix else item.name
        value = values.get("_target_" if item.name == "target" else item.name, schema_default(item))
        inner = nested(cls, item.name)
        if item.name.endswith("_source"):
            continue  # follows from the other keys
        if inner is not None and is_dataclass(inner):
            if prefix and inner not in SHARED.values():
                rows += _rows(inner, key, value if isinstance(value, Mapping) else {})
            continue
        mark = " ⚙" if item.metadata.get("infrastructure") else ""
        meaning = plain(texts.get(item.name, ""))
        rows.append((f"`{key}`", meaning, code(default_text(value)) + mark, plain(type_text(cls, item.name))))
    return rows


def schema_default(item: Field[Any]) -> Any:
    """The default of a field."""
    if item.default is not MISSING:
        return item.default
    return item.default_factory() if item.default_factory is not MISSING else None


def _component(group: str, option: str) -> type[schema.ComponentConfig]:
    cls: type[schema.ComponentConfig] = find_class(option_values(group, option)["_target_"], group)
    return cls


def option_values(group: str, option: str) -> dict[str, Any]:
    """The values of an option of a group, with those of the options that it is based on."""
    path = conf_folder() / group / f"{option}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    values: dict[str, Any] = {}
    for base in content.pop("defaults", []):
        if isinstance(base, str) and base != "_self_":
            values = option_values(group, base)
    if re.search(r"^# @package _global_", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        content = content.get(group, {})
    return {**values, **content}


def _options(group: str) -> str:
    rows = [(f"`{group}={option}`", plain(_comment(group, option))) for option in options(group)]
    return table(("option", "what it is"), rows)


def _comment(group: str, option: str) -> str:
    """The comment at the beginning of an option's file."""
    lines = []
    for line in (conf_folder() / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            text = line.removeprefix("#").strip()
            lines.append(f"`{text}`" if text.startswith("avseg ") else text)
    return " ".join(lines)


def _yaml(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((conf_folder() / name).read_text(encoding="utf-8"))
    return values


def _defaults() -> list[tuple[str, str]]:
    return [(f"`{group}`", f"`{_default_option(group)}`") for group in groups() if _default_option(group)]


def _default_option(group: str) -> str:
    for entry in _yaml("train.yaml")["defaults"]:
        if isinstance(entry, Mapping) and group in entry:
            return str(entry[group])
    return ""
