"""Build models from files of official weights."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from avseg.config.components import built_class
from avseg.config.compose import compose_train
from avseg.config.schema import TrainConfig
from avseg.data.setting import find_setting
from avseg.models.experiment import ExperimentModule
from avseg.training.build import DataFacts, build_model
from avseg.utils.errors import UserError
from avseg.utils.weights_file import read_state_dict
from avseg.weights.verify import identify

log = logging.getLogger("avseg")


PartsLoader = Callable[[TrainConfig], Mapping[str, ExperimentModule]]


def load_official(path: Path, overrides: Sequence[str], load_parts: PartsLoader) -> ExperimentModule:
    """Build the model that overrides describe with the weights of an official file, in evaluation mode on the CPU.

    `load_parts` loads the finished models that are part of it.

    Raises:
        UserError: the file cannot be read, or does not fit the model.
    """
    official = read_state_dict(path)
    config = compose_train(overrides)
    # the file brings all weights but, of most models, those of the audio encoder
    keys = ["backbone.pretrained"] if config.backbone is not None else []
    if hasattr(config.model, "pretrained"):
        keys.append("model.pretrained")
    config = compose_train([*overrides, *(f"{key}=false" for key in keys)])
    with_audio = built_class(config.model).official_audio
    facts = DataFacts(find_setting(config.data.setting))
    parts = load_parts(config)
    model = build_model(config, facts, pretrained=not with_audio, parts=parts)
    model.import_weights(official)
    return model.eval()


def load_identified(path: Path, load_parts: PartsLoader) -> ExperimentModule | None:
    """Build the model of a local file whose tensors are those of a published one; None for another model."""
    try:
        record = identify(path, read_state_dict(path))
    except UserError:
        return None
    if record is None:
        return None
    log.info("%s: loaded as %s (%s)", path, record.name, record.title)
    return load_official(path, record.overrides, load_parts)
