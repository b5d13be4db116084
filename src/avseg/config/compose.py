"""Compose `conf/` and the overrides of the command line into a typed configuration; every mistake is one line."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from avseg.config.paths import conf_folder, groups, options
from avseg.config.read import evaluate_config, train_config
from avseg.config.schema import EvaluateConfig, Plain, TrainConfig
from avseg.config.stored import StoredComposition
from avseg.config.typed import field_names, unknown_key
from avseg.utils.errors import UserError, nearest
from avseg.utils.files import is_present


def compose_train(overrides: Sequence[str]) -> TrainConfig:
    """Compose the configuration of `avseg train OVERRIDE...`; `avseg.runs.configure` looks up its sources.

    Raises:
        UserError: an override that does not parse; a group, option or key that does not exist, or that the model does
            not read; a value that is not allowed.
    """
    return train_config(compose_plain("train", overrides), overrides)


def compose_evaluate(overrides: Sequence[str]) -> EvaluateConfig:
    """Compose the configuration of `avseg evaluate OVERRIDE...`; raises like `compose_train`."""
    return evaluate_config(compose_plain("evaluate", overrides))


def compose_plain(name: str, overrides: Sequence[str]) -> dict[str, Plain]:
    """Resolve the plain values of `conf/<name>.yaml` with overrides; keys below the groups are not checked yet."""
    arguments = list(map(readable, overrides))
    stored = StoredComposition(name, arguments)
    plain = stored.read()
    if plain is None:
        with start_hydra(name, overrides):
            config = hydra_compose(name, overrides=arguments)
            plain = cast("dict[str, Plain]", OmegaConf.to_container(config, resolve=True, throw_on_missing=True))
        stored.write(plain)
    return plain


@contextmanager
def start_hydra(name: str, overrides: Sequence[str]) -> Iterator[Hydra]:
    """Start Hydra on `conf/`; its errors about `conf/<name>.yaml` and the overrides become one line."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3", job_name="avseg"):
        try:
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            yield hydra
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(_explain(name, overrides, error)) from error
        except MarkedYAMLError as error:
            raise UserError(_explain_yaml(error)) from error


def readable(override: str) -> str:
    """Quote and mark an override as Hydra can read it.

    Values that Hydra's grammar cannot read, such as the path of a run (`.../seed=123`), are quoted. A key below a group
    may be one that the option's yaml file does not list: it is added, and the dataclass that reads it decides.

    >>> readable("checkpoint=outputs/demo/seed=1")
    "checkpoint='outputs/demo/seed=1'"
    >>> readable("fusion.stages=[3,4]")
    '++fusion.stages=[3,4]'
    >>> readable("init.source=[data=toy_s4,seed=2]")
    "++init.source=['data=toy_s4','seed=2']"
    """
    override = _quoted_override(override)
    key = override.partition("=")[0]
    return f"++{override}" if "." in key and key[0] not in "+~" and not key.startswith("hydra") else override


def _quoted_override(override: str) -> str:
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        key, equals, value = override.partition("=")
        if equals and value and value[0] not in "'\"[{":
            return f"{key}={_quoted(value)}"
        if value.startswith("[") and value.endswith("]"):
            # overrides as the elements of a list; commas inside an inner list do not separate
            elements = re.split(r",(?![^\[]*\])", value[1:-1])
            return f"{key}=[{','.join(map(_quoted, elements))}]"
    return override


def _quoted(value: str) -> str:
    value = value.strip()
    if value[:1] in ("'", '"'):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _explain(name: str, overrides: Sequence[str], error: Exception) -> str:
    """Write one line for an error of Hydra or OmegaConf, whose own texts take several."""
    for word in overrides:
        if "=" not in word and is_present(word):
            example = f"checkpoint={word}" if name == "evaluate" else f"data.root={word}"
            return f"'{word}' is a path without a key; write KEY=PATH, such as {example}"
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    text = " ".join(map(str, chain))
    if match := re.search(r"Could not find '([\w/]+)/([\w.\-]+)'", text):
        return _explain_option(match.group(1), match.group(2), text)
    if match := re.search(r"Could not find '([\w/]+)/'", text):
        return f"{match.group(1)}= is empty; {match.group(1)} is one of {', '.join(options(match.group(1)))}"
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        override = match.group(1).removeprefix("++")
        return f"{override} names several values; add -m to run them all, or write a list as KEY=[A,B]"
    if match := re.search(r"Could not override '([^']+)'|Key '([^']+)' (?:is not in struct|not in '\w+')", text):
        fields = field_names(EvaluateConfig) if name == "evaluate" else sorted({*groups(), *field_names(TrainConfig)})
        return unknown_key(match.group(1) or match.group(2), fields)
    if match := re.search(r"Missing mandatory value: ([\w.]+)", text):
        return f"{match.group(1)} has no value; give it on the command line as {match.group(1)}=VALUE"
    if "override_grammar" in text or "LexerNoViableAlt" in text:
        override = re.search(r"Error parsing override '([^']*)'", text)
        word = f"'{override.group(1)}'" if override else " ".join(str(error).split())[:160]
        return f"cannot read the override {word}; write key=value without spaces"
    messages = [str(item).split("\n")[0].strip() for item in chain]
    return ": ".join(dict.fromkeys(filter(None, messages)))


def _explain_yaml(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"{mark.name}, line {mark.line + 1}" if mark is not None else "a configuration file"
    return f"{where} is not valid yaml ({error.problem or error.context}); write `key: value`, indented by spaces"


def _explain_option(group: str, option: str, text: str) -> str:
    listed = re.search(r"Available options in '[^']+':((?:\s+[\w.\-]+$)+)", text, re.MULTILINE)
    allowed = sorted(listed.group(1).split()) if listed else options(group)
    return f"{group}={option} does not exist; {group} is one of {', '.join(allowed)}{nearest(option, allowed)}"
