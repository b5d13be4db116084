"""The shipped sweeps against tables written down here by hand from the paper: every job has the right settings."""

import csv
import functools
import inspect
import re
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
from avseg.tables.published import read_published
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
METHODS = ["table_methods", "toy_table_methods"]
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
    cells = {cell.key: tuple(experiment.overrides(cell, 123)) for cell in experiment.cells()}
    # cells may show several scores of one run
    commands = list(dict.fromkeys(cells.values()))
    jobs = dict(zip(commands, plan(commands), strict=True))
    return {key: jobs[command] for key, command in cells.items()}


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


@pytest.mark.parametrize("toy", [False, pytest.param(True, marks=pytest.mark.slow)])
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
    # the folder "published" holds the numbers of the leaderboard
    folders = {path.name for path in experiments_folder().iterdir() if path.is_dir()} - {"published"}
    assert folders == set(experiment_names()) >= {*AVS, "table_2", "table_3", "toy_table_2", "toy_table_3", *METHODS}
    for name in folders - {"toy_table_methods"}:
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


@pytest.mark.parametrize("prefix", ["", "toy_"])
@pytest.mark.parametrize("figure", ["figure_a5", "figure_a6"])
def test_a_figure_shows_the_runs_of_the_table(prefix, figure):
    made = {(row, job.run) for (row, column), job in jobs_of(f"{prefix}table_related").items() if column == "MS3 J"}
    shown = {(row, job.run) for (row, _), job in jobs_of(prefix + figure).items()}
    assert len(shown) == 3
    assert shown <= made
    assert read_experiment(prefix + figure).sweep.clips["MS3"]


@pytest.mark.parametrize("prefix", ["", "toy_"])
def test_the_columns_of_a_data_set_are_scores_of_the_same_runs(prefix):
    jobs = jobs_of(f"{prefix}table_related")
    assert len(jobs) == 60
    assert len({job.run for job in jobs.values()}) == 12
    numbers = read_experiment(f"{prefix}table_related").numbers
    assert numbers["SST (reconstruction)", "MS3 F", "fscore"] == 57.2
    assert len(numbers) == 20


def test_the_twins_share_their_data():
    first, second = read_experiment("toy_table_a1").sweep, read_experiment("toy_table_a2").sweep
    assert first.prepare == second.prepare
    assert set(first.prepare) == {"toy_s4", "toy_ms3"}


# J and F on S4, MS3 and AVSS
METHOD_SCORES = """
TPAVI ResNet50        72.79 84.8   47.88 57.8   20.18 25.2
TPAVI PVT-v2          78.74 87.9   54.00 64.5   29.8 35.2
AVSegFormer ResNet50  76.38 86.7   53.81 65.6   26.58 31.5
AVSegFormer PVT-v2    83.06 90.5   61.33 73.0   37.31 42.8
AAVS                  83.18 91.33  67.30 77.63  48.50 53.20
LVS                   37.94 51.0   29.45 33.0
MSSL                  44.89 66.3   26.13 36.3
SST                   66.29 80.1   42.57 57.2
LGVT                  74.94 87.3   40.71 59.3
"""
SETTINGS_OF_METHODS = {"S4": "s4", "MS3": "ms3", "AVSS": "avss"}
NUMBER = re.compile(r"\d+\.\d+")
# what is not the preset of every setting: model, backbone, epochs
RECIPES = {
    "TPAVI ResNet50": ("avs", "resnet50", {"s4": 15, "ms3": 30, "avss": 60}),
    "TPAVI PVT-v2": ("avs", "pvt_v2_b5", {"s4": 15, "ms3": 30, "avss": 60}),
    "AVSegFormer ResNet50": ("avsegformer", "resnet50", {"s4": 30, "ms3": 60, "avss": 30}),
    "AVSegFormer PVT-v2": ("avsegformer", "pvt_v2_b5", {"s4": 30, "ms3": 60, "avss": 30}),
    "AAVS": ("aavs", None, {"s4": 60, "ms3": 60, "avss": 60}),
    "LVS": ("lvs", None, {"s4": 50, "ms3": 50}),
    "MSSL": ("mssl", None, {"s4": 40, "ms3": 40}),
    "SST": ("sst_reconstruction", "resnet101.tv_in1k", {"s4": 30, "ms3": 30}),
    "LGVT": ("lgvt", None, {"s4": 30, "ms3": 30}),
}


def test_the_methods_with_their_published_scores():
    experiment = read_experiment("table_methods")
    printed_numbers = {}
    for line in METHOD_SCORES.strip().splitlines():
        numbers = list(map(float, NUMBER.findall(line)))
        method = NUMBER.split(line)[0].strip()
        for setting, j, f in zip(SETTINGS_OF_METHODS, numbers[::2], numbers[1::2], strict=False):
            printed_numbers[f"{setting} {method}", "J", "miou"] = j
            printed_numbers[f"{setting} {method}", "F", "fscore"] = f
    assert experiment.numbers == printed_numbers
    assert list(dict.fromkeys(row for row, _, _ in experiment.numbers)) == list(experiment.sweep.rows)
    assert {source.family for source in experiment.sources.values()} == {"per-frame"}
    assert experiment.sources.keys() == experiment.numbers.keys()


def test_the_numbers_of_the_methods_are_those_of_the_leaderboard():
    experiment = read_experiment("table_methods")
    known = {(row.setting, row.j, row.f): (row.family, row.grade, row.source) for row in read_published()}
    for row in experiment.sweep.rows:
        source = experiment.sources[row, "J", "miou"]
        with (experiments_folder() / "table_methods" / "published.csv").open(newline="") as file:
            values = {line["column"]: line["value"] for line in csv.DictReader(file) if line["row"] == row}
        key = (SETTINGS_OF_METHODS[row.split()[0]], values["J"], values["F"])
        assert known[key] == (source.family, source.grade, source.source)
        assert experiment.sources[row, "F", "fscore"] == source


def test_the_jobs_of_the_methods():
    """One job per row: three columns are scores of the same run."""
    jobs = jobs_of("table_methods")
    assert len({job.run_id for job in jobs.values()}) == 23
    for (row, _), job in jobs.items():
        setting, _, method = row.partition(" ")
        model, backbone, epochs = RECIPES[method]
        config = job.config
        assert config.model.name == model
        assert (config.backbone.name if config.backbone else None) == backbone
        assert config.data.setting == SETTINGS_OF_METHODS[setting]
        assert config.trainer.max_epochs == epochs[config.data.setting]
    sizes = {row: job.config.data.image_size for (row, _), job in jobs.items()}
    assert (sizes["MS3 AVSegFormer PVT-v2"], sizes["AVSS AVSegFormer PVT-v2"], sizes["S4 AAVS"]) == (512, 224, 384)


def test_the_toy_methods_share_data_and_size():
    experiment = read_experiment("toy_table_methods")
    jobs = jobs_of("toy_table_methods")
    assert len({job.run_id for job in jobs.values()}) == 4
    assert experiment.sweep.seeds == (1, 2, 3)
    assert "second" in experiment.sweep.prepare["toy_ms3"]
    for (row, _), job in jobs.items():
        assert (job.config.data.image_size, job.config.data.setting) == (64, "ms3")
        assert job.config.data.root == "data/toy_methods/toy_ms3"
        if row.startswith("TPAVI"):
            assert job.config.fusion.scope == row.split()[1]
    numbers = read_experiment("table_methods").numbers
    for row, method in (
        ("TPAVI, clip scope", "TPAVI ResNet50"),
        ("AVSegFormer", "AVSegFormer ResNet50"),
        ("AAVS", "AAVS"),
    ):
        assert experiment.numbers[row, "J", "miou"] == numbers[f"MS3 {method}", "J", "miou"]


@pytest.mark.parametrize("prefix", ["", "toy_"])
def test_models_of_short_clips_are_rows_of_table_2(prefix):
    jobs = jobs_of(f"{prefix}table_2")
    assert len({job.run_id for job in jobs.values()}) == 5
    models = {row: job.config.model.name for (row, column), job in jobs.items() if column == "m_vIoU"}
    assert models == {
        "TPAVI (mask)": "avs_long",
        "AAVS (mask)": "aavs_long",
        "ours (mask)": "lu_avs_strong_mask",
        "ours (box)": "lu_avs_strong_box",
        "AVSegFormer (mask)": "avsegformer_long",
    }
    # one recipe of silence, frames and regions for the three models of short clips
    configs = [jobs[row, "m_vIoU"].config for row in ("TPAVI (mask)", "AAVS (mask)", "AVSegFormer (mask)")]
    assert len({(config.data.per_video, config.data.silent_share) for config in configs}) == 1
    assert all(config.model.score.merge_classes for config in configs)


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
