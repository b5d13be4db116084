"""The commands `avseg data toy`, `compose` and `cutouts`."""

import json
import re

import pytest

from avseg.data.avsbench.layout import layout_for
from avseg.data.setting import SPLITS
from tests.data.synthetic.make_cutouts import write_cutouts
from tests.runs_for_tests import Command, avseg

SMALL = ["--size", "32", "--train", "2", "--val", "1", "--test", "1"]


def run_data(*words: object) -> Command:
    return avseg(["data", *map(str, words)])


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
def test_toy_writes_a_set_and_prints_the_blind_oracle(tmp_path, setting):
    command = run_data("toy", "--out", tmp_path / "toy", "--setting", setting, *SMALL, "--seed", 5)
    assert (command.code, command.err) == (0, "")
    assert "without hearing" in command.out
    assert "oracle" in command.out
    layout = layout_for(setting, tmp_path / "toy")
    assert [len(layout.entries(split)) for split in SPLITS] == [2, 1, 1]
    options = json.loads((tmp_path / "toy/generator.json").read_text())
    assert (options["seed"], options["kinds"], options["setting"], options["size"]) == (5, 8, setting, 32)
    assert not {"run", "verb", "debug", "plugin", "out", "seconds", "hard"} & options.keys()
    table = json.loads((tmp_path / "toy/oracle.json").read_text())
    assert f"{100 * table['train']['oracle']:.1f}" in command.out


def test_brackets_and_colons_of_a_folder_are_printed(tmp_path):
    out = tmp_path / "[b]:o:"
    assert f"written: {out} (" in run_data("toy", "--out", out, *SMALL).out


def test_toy_writes_long_videos(tmp_path):
    lengths = ["--setting", "lu_avs", "--seconds", "3", "4"]
    command = run_data("toy", "--out", tmp_path / "toy", *lengths, *SMALL)
    assert (command.code, command.err) == (0, "")
    assert "long videos" in command.out
    options = json.loads((tmp_path / "toy/generator.json").read_text())
    assert options["seconds"] == [3.0, 4.0]
    assert not {"sounding", "frames", "silent_clips", "silent_seconds"} & options.keys()


@pytest.mark.parametrize("sounding", ["clip", "second"])
def test_compose_writes_a_set(tmp_path, sounding):
    folder = write_cutouts(tmp_path / "cutouts")
    command = run_data("compose", "--cutouts", folder, "--out", tmp_path / "set", "--sounding", sounding, *SMALL)
    assert command.code == 0, command.err
    assert len(layout_for("ms3", tmp_path / "set").entries("train")) == 2
    assert json.loads((tmp_path / "set/generator.json").read_text())["cutouts"] == str(folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["toy", "--kinds", "3"], "kinds is 3; allowed: 6 to 12"),
        (["toy", "--size", "5"], "size is 5"),
        (["toy", "--frames", "10"], "frames is 10; the layout of ms3 has 5"),
        (["toy", "--train", "0", "--val", "0", "--test", "0"], "0 clips to generate"),
        (["toy", "--silent-seconds", "2"], "silent_seconds is 2"),
        (["compose", "--cutouts", "nowhere"], "nowhere does not exist"),
        (["cutouts", "--deb", "nowhere.deb"], "nowhere.deb does not exist|dpkg-deb is not installed"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(tmp_path, words, message):
    command = run_data(*words, "--out", tmp_path / "out")
    assert command.code == 2
    assert re.search(message, command.err)
    assert command.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_every_help_has_an_example(capsys):
    for words in ([], ["toy"], ["compose"], ["cutouts"]):
        with pytest.raises(SystemExit) as stop:
            run_data(*words, "--help")
        assert stop.value.code == 0


def test_the_examples_can_be_parsed():
    from avseg.cli.main import build_parser

    for words in (["toy"], ["compose", "--cutouts", "x"], ["cutouts"]):
        arguments = build_parser().parse_args(["data", *words, "--out", "y"])
        assert arguments.run == f"avseg.cli.data_synthetic:run_{words[0]}"
