"""Composes a configuration from `conf/` and the words of the command line; every mistake is told in one line."""

import re
from dataclasses import fields, is_dataclass
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from avseg.config import schema
from avseg.config.paths import conf_folder, groups, options
from avseg.utils.errors import UserError, nearest


def compose(name: str, overrides: list[str]) -> dict[str, Any]:
    """Composes, resolves and converts to plain values.

    Args:
        name: a file of `conf/` without its suffix, such as "train".
        overrides: Hydra overrides such as "backbone=pvt_v2_b5" or "optimizer.lr=3e-4".

    Raises:
        UserError: an override that does not parse, a group, option or key that does not exist (with near names),
            a value of the wrong type, or a mandatory value that is missing.
    """
    schema.register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3", job_name="avseg"):
        try:
            config = hydra_compose(name, overrides=[readable(override) for override in overrides])
            plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(explain(name, overrides, error)) from error
    values = {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}
    _refuse_added_keys(name, values)
    return values


def readable(override: str) -> str:
    """Quotes a value that Hydra's grammar cannot read, such as the path of a run (`.../seed=123`) or one with brackets.

    >>> readable("checkpoint=outputs/demo/seed=1")
    "checkpoint='outputs/demo/seed=1'"
    >>> readable("fusion.stages=[3,4]")
    'fusion.stages=[3,4]'
    >>> readable("init.source=[data=toy_s4,data.epochs=2]")
    "init.source=['data=toy_s4','data.epochs=2']"
    """
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        key, equals, value = override.partition("=")
        if equals and value and value[0] not in "'\"[{":
            return f"{key}={_quoted(value)}"
        if value.startswith("[") and value.endswith("]"):
            # overrides as the elements of a list; the commas of lists in that list separate nothing
            elements = re.split(r",(?![^\[]*\])", value[1:-1])
            return f"{key}=[{','.join(map(_quoted, elements))}]"
    return override


def _quoted(value: str) -> str:
    value = value.strip()
    if value[:1] in ("'", '"'):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _refuse_added_keys(name: str, values: dict[str, Any]) -> None:
    """`+key=value` adds what no dataclass knows, and nothing would ever read it."""
    root = schema.EvaluateConf if name == "evaluate" else schema.TrainConf
    for item in fields(root):
        known = {entry.name for entry in fields(item.type)} if is_dataclass(item.type) else None
        for key in (values.get(item.name) or {}) if known is not None else ():
            if key not in (known or ()):
                raise UserError(f"the key '{item.name}.{key}' does not exist in {name}{nearest(key, known or ())}")
    for key in values.keys() - {item.name for item in fields(root)}:
        raise UserError(f"the key '{key}' does not exist in {name}{nearest(key, [item.name for item in fields(root)])}")


def explain(name: str, overrides: list[str], error: Exception) -> str:
    """One line for an error of Hydra or OmegaConf, whose own texts take several."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    text = " ".join(str(part) for part in chain)
    if match := re.search(r"Could not find '([\w/]+)/([\w.\-]+)'", text):
        group, option = match.groups()
        listed = re.search(r"Available options in '[^']+':((?:\s+[\w.\-]+$)+)", text, re.MULTILINE)
        allowed = sorted(listed.group(1).split()) if listed else options(group)  # with those of plugins
        return f"{group}={option} does not exist; {group} is one of {', '.join(allowed)}{nearest(option, allowed)}"
    if match := re.search(r"Could not find '([\w/]+)/'", text):
        return f"{match.group(1)}= is empty; {match.group(1)} is one of {', '.join(options(match.group(1)))}"
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        return f"{match.group(1)} names several values; add -m to run them all, or write a list as KEY=[A,B]"
    if match := re.search(r"Could not override '([^']+)'", text):
        return _explain_key(match.group(1), name)
    if match := re.search(r"Key '([^']+)' (?:is not in struct|not in '\w+')", text):
        return _explain_key(_written_key(match.group(1), overrides), name)
    if match := re.search(r"Missing mandatory value: ([\w.]+)", text):
        return f"{match.group(1)} has no value; give it on the command line as {match.group(1)}=VALUE"
    if match := re.search(
        r"(Value '.*?' of type '.*?' could not be converted to \w+|Invalid type assigned[^\n]*)\s+full_key: ([\w.]+)",
        text,
    ):
        return f"{match.group(2)}: {match.group(1)}"
    if "override_grammar" in text or "LexerNoViableAlt" in text:
        return f"cannot read the override {' '.join(str(error).split())[:160]}; write key=value without spaces"
    return ": ".join(dict.fromkeys(str(part).split("\n")[0].strip() for part in chain if str(part).strip()))


def _explain_key(key: str, name: str) -> str:
    keys = _keys(name)
    every = f"keys: {', '.join(entry for entry in keys if '.' not in entry)}"
    if name == "train":
        every = "avseg train --cfg job prints every key"
    near = nearest(key, [*groups(), *keys] if name == "train" else keys)
    return f"the key '{key}' does not exist in {name}{near} ({every})"


def _written_key(key: str, overrides: list[str]) -> str:
    """The key as the user wrote it: OmegaConf names only its last part."""
    written = [override.split("=")[0].lstrip("+~") for override in overrides]
    return next((entry for entry in written if entry.split(".")[-1] == key), key)


def _keys(name: str) -> list[str]:
    """Every dotted key of the default configuration."""

    def walk(node: DictConfig, prefix: str) -> list[str]:
        found: list[str] = []
        for key in map(str, node):
            found.append(prefix + key)
            child = node._get_node(key)
            if isinstance(child, DictConfig) and not child._is_missing() and not child._is_none():
                found.extend(walk(child, f"{prefix}{key}."))
        return found

    return walk(hydra_compose(name), "")
