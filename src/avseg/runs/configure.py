"""The configuration of a training command, and of the Single-source run that it may begin from (Table A2)."""

import shlex
from typing import Any

from avseg.config.branch import COMPOSED
from avseg.config.compose import compose
from avseg.runs.identity import run_id
from avseg.utils.errors import UserError

# what belongs to the own run alone: its start, its name, its data set with that data set's recipe, its dashboard
_OWN = ("init", "experiment", "logger", "hydra", "loss", "trainer.max_epochs")
# of the strong baseline: what a composition decides itself, of its branches and of its evaluation
_OF_COMPOSITION = ("aggregation", "smoothing", "score", "visual", "audio")
_OF_EVALUATION = ("data.options.rate", "data.options.frames_per_chunk")
_OWN_DATA = ("root", "name", "setting", "num_classes", "epochs", "mapping_weight", "options")


def training_config(overrides: list[str]) -> dict[str, Any]:
    """Composes the configuration of `avseg train OVERRIDE...`.

    With `init=single_source`, `init.run` becomes the id of the run to begin from, and `init.command` the command that
    makes it. Whether that run exists is not asked here (see `avseg.runs.find.complete_run`).

    Args:
        overrides: Hydra overrides.

    Raises:
        UserError: see `avseg.config.compose.compose`; or `init.source` describes no run.
    """
    config = compose("train", overrides)
    init = config["init"]
    if init["run"] or init["command"]:
        raise UserError("init.run and init.command follow from init.source and init.seed; leave them out")
    if init["name"] == "single_source":
        words = source_words(overrides, init["source"], init["seed"])
        init |= {"run": run_id(_source_config(words)), "command": shlex.join(["avseg", "train", *words])}
    if config["branch"]["name"] in COMPOSED:
        _fill_parts(config, overrides)
    return config


def _fill_parts(whole: dict[str, Any], overrides: list[str]) -> None:
    """The two runs that a composition of the strong baseline is of, by identity, and the commands that make them."""
    branch = whole["branch"]
    for word in overrides:
        _refuse_of_parts(word, branch["visual"])
    for part in ("visual", "audio"):
        words = [*(word for word in overrides if not _is_of_composition(word)), *branch[part]]
        try:
            config = compose("train", words)
        except UserError as error:
            raise UserError(f"branch.{part}: {error}") from error
        branch |= {f"{part}_run": run_id(config), f"{part}_command": shlex.join(["avseg", "train", *words])}
        if part == "visual":
            _see_alike(whole["data"], config["data"])


def _see_alike(whole: dict[str, Any], visual: dict[str, Any]) -> None:
    """A composition gives its visual branch frames of the size that it has learnt to see."""
    whole["image_size"] = visual["image_size"]
    if "long_side" in visual["options"]:
        whole["options"] = whole["options"] | {"long_side": visual["options"]["long_side"]}


def _is_of_composition(word: str) -> bool:
    """Whether a word is about the composition alone: a part keeps the data, the seed, the paths, the machine."""
    key = word.partition("=")[0].lstrip("+~")
    return key.split(".")[0] in ("branch", "experiment", "logger", "hydra") or key in _OF_EVALUATION


def _refuse_of_parts(word: str, visual: list[str]) -> None:
    """A setting of a branch would change nothing in the composition but its name."""
    key = word.partition("=")[0].lstrip("+~")
    _, _, name = key.partition("branch.")
    if name.rpartition("_")[2] in ("run", "command"):
        raise UserError(f"{key} follows from branch.visual and branch.audio; leave it out")
    if key.startswith("branch.") and name.split(".")[0] not in _OF_COMPOSITION:
        raise UserError(
            f"{key} is read by the branches, not by their composition; say it to the one that reads it, such as "
            f"branch.visual=[{','.join([*visual, word])}], and train that"
        )


def source_words(overrides: list[str], source: list[str], seed: int | None = None) -> list[str]:
    """The overrides of the run to begin from.

    Args:
        overrides: those of the own run.
        source: those that turn them into the source's.
        seed: of the source; None keeps the own.

    >>> source_words(["data=avsbench_ms3", "fusion=none", "seed=1", "init=single_source"], ["data=avsbench_s4"])
    ['fusion=none', 'seed=1', 'data=avsbench_s4']
    """
    left_out = _OWN if seed is None else (*_OWN, "seed")
    kept = [word for word in overrides if not _is_own(word.partition("=")[0].lstrip("+~"), left_out)]
    return [*kept, *source, *([] if seed is None else [f"seed={seed}"])]


def _is_own(key: str, left_out: tuple[str, ...]) -> bool:
    group, _, name = key.partition(".")
    own_data = group == "data" and (not name or name.split(".")[0] in _OWN_DATA)
    return own_data or group in left_out or key in left_out


def _source_config(words: list[str]) -> dict[str, Any]:
    try:
        config = compose("train", words)
    except UserError as error:
        raise UserError(f"init.source: {error}") from error
    if config["init"]["name"] == "single_source":
        raise UserError("init.source: the run to begin from may not begin from a Single-source run itself")
    return config
