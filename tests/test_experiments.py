"""The shipped sweeps against tables written down here by hand from the paper: every job has the right settings."""

import csv
import functools
import inspect
import shlex

import pytest
import pytorch_lightning as pl
import torch

from avseg.config.components import make
from avseg.config.paths import experiment_names, experiments_folder
from avseg.data.setting import find_setting
from avseg.models.experiment import FitOptions
from avseg.runs.configure import training_config
from avseg.sweep import plan
from avseg.tables.experiment import read_experiment
from avseg.training.build import DataFacts, build_model
from avseg.training.trainer import trainer_arguments

# the paper's words: data set, epochs, weight of L_AVM
SETTINGS = {"S4": ("avsbench_s4", "s4", 15, 0.0), "MS3": ("avsbench_ms3", "ms3", 30, 0.5)}
ENCODERS = {"ResNet50": "resnet50", "PVT-v2": "pvt_v2_b5"}
STAGES = {"1": [1], "2": [2], "3": [3], "4": [4], "3,4": [3, 4], "2,3,4": [2, 3, 4], "1,2,3,4": [1, 2, 3, 4]}
A1 = """
S4 ResNet50  68.55 69.56 71.30 69.99 71.29 71.98 72.79
S4 PVT-v2    78.30 78.58 78.02 77.70 78.19 78.47 78.74
MS3 ResNet50 41.62 42.37 43.02 42.29 44.84 45.98 47.88
MS3 PVT-v2   46.16 48.79 47.35 49.01 49.79 50.53 54.00
"""
A2 = """
without TPAVI 43.56 48.21 45.50 50.59
with TPAVI    47.88 54.00 54.33 57.34
"""
A2_COLUMNS = ["scratch ResNet50", "scratch PVT-v2", "pretrained ResNet50", "pretrained PVT-v2"]
AVS = ["table_a1", "table_a2", "toy_table_a1", "toy_table_a2"]  # the others are of LU-AVS
TOY = {"avsbench_s4": "toy_s4", "avsbench_ms3": "toy_ms3"}
TINY = {"resnet50": "test_efficientnet", "pvt_v2_b5": "test_convnext"}


def printed(text, columns):
    """Row, column, number of a table of the paper."""
    for line in text.strip().splitlines():
        first, second, *numbers = line.split()
        for column, number in zip(columns, numbers, strict=True):
            yield f"{first} {second}", column, float(number)


@functools.cache
def jobs_of(name):
    """The jobs of an experiment by row and column, with the seed of the official scripts."""
    experiment = read_experiment(name)
    cells = experiment.cells()
    jobs = plan([experiment.overrides(cell, 123) for cell in cells])
    return {cell.key: job for cell, job in zip(cells, jobs, strict=True)}


def facts_of(config):
    """What decides a run, flat."""
    return {
        "data": (config.data.name, config.data.setting),
        "epochs": config.trainer.max_epochs,
        "encoder": config.backbone.name,
        "stages": list(config.fusion.stages),
        "tpavi": (config.fusion.mode, config.fusion.scope),
        "mapping": [getattr(config.model.loss, f"mapping_{key}") for key in ("weight", "form", "pairing", "stages")],
        "optimizer": (config.optimizer.target, config.optimizer.lr, config.optimizer.weight_decay),
        "batch": config.data.batch_size,
        "image": config.data.image_size,
        "channels": config.model.channels,
        "sound": config.audio.name,
        "precision": config.trainer.precision,
        "seed": config.seed,
        "limits": {getattr(config.trainer, f"limit_{split}_batches") for split in ("train", "val", "test")},
    }


def expected(setting, encoder, stages, *, toy=False):
    """The same by hand."""
    name, layout, epochs, weight = SETTINGS[setting]
    return {
        "data": (TOY[name] if toy else name, layout),
        "epochs": 5 if toy else epochs,
        "encoder": TINY[ENCODERS[encoder]] if toy else ENCODERS[encoder],
        "stages": stages,
        "tpavi": ("audio", "clip"),
        "mapping": [0.0 if toy else weight, "kl", "own", None],
        "optimizer": ("torch.optim.Adam", 1e-3 if toy else 1e-4, 0.0),
        "batch": 4,
        "image": 64 if toy else 224,
        "channels": 32 if toy else 256,
        "sound": "mel" if toy else "vggish",
        "precision": "32-true",
        "seed": 123,
        "limits": {None},
    }


@pytest.mark.parametrize("toy", [False, True])
def test_the_28_jobs_of_table_a1(toy):
    experiment = read_experiment("toy_table_a1" if toy else "table_a1")
    cells = {cell.key: cell for cell in experiment.cells()}
    numbers = list(printed(A1, STAGES))
    assert len(cells) == len(numbers) == 28
    for row, column, number in numbers:
        cell = cells[row, column]
        config = jobs_of(experiment.name)[cell.key].config
        assert cell.published["miou"] == number
        assert facts_of(config) == expected(*row.split(), STAGES[column], toy=toy), cell.key
        assert config.init.name == "scratch"
        assert config.experiment == experiment.name
    full = {row: cells[row, "1,2,3,4"].published["fscore"] for row in experiment.sweep.rows}
    assert full == {"S4 ResNet50": 84.8, "S4 PVT-v2": 87.9, "MS3 ResNet50": 57.8, "MS3 PVT-v2": 64.5}


@pytest.mark.parametrize("toy", [False, True])
def test_the_8_jobs_of_table_a2_and_the_4_that_they_begin_from(toy):
    experiment = read_experiment("toy_table_a2" if toy else "table_a2")
    cells = {cell.key: cell for cell in experiment.cells()}
    numbers = list(printed(A2, A2_COLUMNS))
    assert len(cells) == len(numbers) == 8
    sources = set()
    for row, column, number in numbers:
        cell = cells[row, column]
        config = jobs_of(experiment.name)[cell.key].config
        start, encoder = column.split()
        stages = [1, 2, 3, 4] if row == "with TPAVI" else []
        assert cell.published == {"miou": number}
        assert facts_of(config) == expected("MS3", encoder, stages, toy=toy), cell.key
        assert config.init.name == ("single_source" if start == "pretrained" else "scratch")
        if start == "pretrained":
            source = training_config(shlex.split(config.init.command)[2:])
            assert facts_of(source) == expected("S4", encoder, stages, toy=toy), cell.key
            assert source.init.name == "scratch"
            sources.add(config.init.run)
    assert len(sources) == 4


@pytest.mark.parametrize("prefix", ["", "toy_"])
def test_table_a1_makes_what_table_a2_begins_from(prefix):
    made = {job.run_id for (row, _), job in jobs_of(f"{prefix}table_a1").items() if row.startswith("S4")}
    with_tpavi = [job for (row, _), job in jobs_of(f"{prefix}table_a2").items() if row == "with TPAVI"]
    needed = {name for job in with_tpavi for name in job.needs}
    assert len(needed) == 2
    assert needed <= made


@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_is_complete_and_told(name):
    """Fails when a folder lacks a file, a cell its number, or two jobs are the same run."""
    folder = experiments_folder() / name
    experiment = read_experiment(name)
    readme = (folder / "README.md").read_text()
    for must in ("# ", "make ", f"avseg reproduce {name}", "## Cost", "## Notes"):
        assert must in readme
    if name in AVS:
        assert len({job.run_id for job in jobs_of(name).values()}) == len(experiment.cells())
        assert all(experiment.sweep.metric in cell.published for cell in experiment.cells())
    for (row, column, metric), value in experiment.numbers.items():
        assert not experiment.sweep.metrics or metric == experiment.sweep.metric_at((row, column))
        assert 0 < value < 100
    shown = [row for rows in experiment.sweep.plot.panels.values() for row in rows]
    assert sorted(shown) == sorted(experiment.sweep.rows)
    if name in AVS:
        assert sum(map(len, experiment.sweep.pairs.values())) == {"a1": 24, "a2": 8}[name[-2:]]


def test_no_folder_is_left_out():
    folders = {path.name for path in experiments_folder().iterdir() if path.is_dir()}
    assert folders == set(experiment_names()) >= {*AVS, "table_2", "table_3", "toy_table_2", "toy_table_3"}
    for name in folders:
        # a twin shows the numbers of the table that it extends
        own = (experiments_folder() / name / "published.csv").is_file()
        assert own is not name.startswith("toy_")


@pytest.mark.parametrize("name", ["table_a1", "table_a2"])
def test_a_twin_has_the_same_cells(name):
    real, toy = read_experiment(name), read_experiment(f"toy_{name}")
    assert list(toy.sweep.rows) == list(real.sweep.rows)
    assert list(toy.sweep.columns) == list(real.sweep.columns)
    assert toy.numbers == real.numbers
    assert toy.sweep.pairs == real.sweep.pairs
    with (experiments_folder() / name / "published.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 1 + len(real.numbers)


def test_the_twins_share_their_data():
    first, second = read_experiment("toy_table_a1").sweep, read_experiment("toy_table_a2").sweep
    assert first.prepare == second.prepare
    assert set(first.prepare) == {"toy_s4", "toy_ms3"}


# the trained weights of the published model (official code, without its unused second copies of two stages)
WEIGHTS = {("resnet50", True): 69_337_857, ("resnet50", False): 68_674_817, ("pvt_v2_b5", True): 101_320_577}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        pytest.param(name, row, marks=[] if name.startswith("toy_") else pytest.mark.slow)
        for name in AVS
        for row in read_experiment(name).sweep.rows
    ],
)
def test_every_job_can_be_built(name, row):
    """Model, optimizer, trainer and callbacks take the settings of every cell."""
    for config in [job.config for (other, _), job in jobs_of(name).items() if other == row]:
        with torch.device("meta"):  # no memory, and no time to draw weights
            task = build_model(config, DataFacts(find_setting(config.data.setting)), pretrained=False)
        stages = list(config.fusion.stages)
        assert sorted(map(int, task.net.tpavi)) == stages
        weights = sum(parameter.numel() for parameter in task.net.parameters())
        if len(stages) in (0, 4) and (config.backbone.name, bool(stages)) in WEIGHTS:
            assert weights == WEIGHTS[config.backbone.name, bool(stages)]
        task.fit_options = FitOptions(config.optimizer, config.seed)
        assert task.configure_optimizers().defaults["lr"] == config.optimizer.lr
        for name, callback in config.callbacks.items():
            assert isinstance(make(callback.target, callback.options, name), pl.Callback)
        inspect.signature(pl.Trainer).bind(**trainer_arguments(config.trainer))
