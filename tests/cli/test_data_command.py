import argparse
import json

import pytest

from avseg.cli.data import add_parser
from avseg.data.avsbench.layout import SPLITS, layout_for
from avseg.utils.errors import UserError
from tests.data.synthetic.make_cutouts import write_cutouts

SMALL = ["--size", "32", "--train", "2", "--val", "1", "--test", "1"]


def avseg(*words):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="verb"))
    arguments = parser.parse_args([str(word) for word in words])
    return arguments.run(arguments)


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
def test_toy_writes_a_set_and_prints_the_blind_oracle(tmp_path, capsys, setting):
    assert avseg("data", "toy", "--out", tmp_path / "toy", "--setting", setting, *SMALL, "--seed", 5) == 0
    printed = capsys.readouterr().out
    assert "without hearing" in printed
    assert "oracle" in printed
    layout = layout_for(setting, tmp_path / "toy")
    assert [len(layout.entries(split)) for split in SPLITS] == [2, 1, 1]
    options = json.loads((tmp_path / "toy/generator.json").read_text())
    assert (options["seed"], options["kinds"], options["setting"], options["size"]) == (5, 8, setting, 32)
    table = json.loads((tmp_path / "toy/oracle.json").read_text())
    assert f"{100 * table['train']['oracle']:.1f}" in printed


@pytest.mark.parametrize("sounding", ["clip", "second"])
def test_compose_writes_a_set(tmp_path, sounding):
    folder = write_cutouts(tmp_path / "cutouts")
    words = ["--cutouts", folder, "--out", tmp_path / "set", "--sounding", sounding, *SMALL]
    assert avseg("data", "compose", *words) == 0
    assert len(layout_for("ms3", tmp_path / "set").entries("train")) == 2
    assert json.loads((tmp_path / "set/generator.json").read_text())["cutouts"] == str(folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["toy", "--kinds", "3"], "kinds is 3; allowed: 6 to 12"),
        (["toy", "--size", "5"], "size is 5"),
        (["toy", "--frames", "10"], "frames is 10; the layout of ms3 has 5"),
        (["toy", "--train", "0", "--val", "0", "--test", "0"], "no clip asked for"),
        (["toy", "--silent-seconds", "2"], "silent_seconds is 2"),
        (["compose", "--cutouts", "nowhere"], "nowhere does not exist"),
        (["cutouts", "--deb", "nowhere.deb"], "nowhere.deb does not exist|dpkg-deb is not there"),
    ],
)
def test_mistakes_are_told_and_write_nothing(tmp_path, words, message):
    with pytest.raises(UserError, match=message):
        avseg("data", *words, "--out", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_every_help_has_an_example(capsys):
    for words in (["data"], ["data", "toy"], ["data", "compose"], ["data", "cutouts"]):
        with pytest.raises(SystemExit) as stop:
            avseg(*words, "--help")
        assert stop.value.code == 0
        assert "example" in capsys.readouterr().out
