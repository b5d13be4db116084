"""Small modules of long videos as a training command builds them."""

from avseg.data.setting import ClipSetting
from avseg.models.experiment import ExperimentModule
from avseg.runs.configure import training_config
from avseg.training.build import DataFacts, build_model


def built(overrides: list[str], labels: list[str]) -> ExperimentModule:
    """The module of a training command for data with some labels."""
    return build_model(training_config(overrides), DataFacts(ClipSetting("lu_avs"), tuple(labels)))
