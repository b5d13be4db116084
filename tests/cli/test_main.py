import importlib
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from avseg.cli.arguments.parser import take_option
from avseg.cli.main import VERBS, build_parser
from avseg.utils.errors import UserError
from tests.fresh_process import start_avseg
from tests.runs_for_tests import SMALL, avseg


def error_of(arguments):
    command = avseg([str(argument) for argument in arguments])
    lines = command.err.strip().splitlines()
    assert command.code == 2, command
    assert len(lines) == 1, command.err
    assert lines[0].startswith("avseg: error: ")
    return lines[0]


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_has_an_example(verb, capsys):
    with pytest.raises(SystemExit) as caught:
        avseg([verb, "--help"] if verb else ["--help"])
    assert caught.value.code == 0


def test_help_imports_nothing_heavy():
    # it must answer in half a second; the reason is tested without a clock
    heavy = ("torch", "numpy", "hydra", "pytorch_lightning", "av")
    code = "import sys; from avseg.cli.main import build_parser; build_parser().format_help(); "
    code += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def verbs(parser):
    """Every parser of a verb or subverb, with its name."""
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for name, verb in action.choices.items():
                yield name, verb
                yield from verbs(verb)


@pytest.mark.parametrize(("name", "parser"), list(verbs(build_parser())))
def test_the_function_of_every_verb_exists(name, parser):
    run = parser.get_default("run")
    if any(isinstance(action.choices, dict) for action in parser._actions):
        return  # its subverbs have functions
    module, _, function = run.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_an_option_is_taken_from_a_command_line():
    command_line = ["--plugin", "a", "train", "x=1", "--plugin=b", "-m", "--plugins"]
    assert take_option(command_line, "--plugin") == (["train", "x=1", "-m", "--plugins"], ["a", "b"])
    with pytest.raises(UserError, match="--plugin: a value is missing"):
        take_option(["train", "--plugin"], "--plugin")


def test_plugins_are_loaded_before_the_verb_runs(monkeypatch, tmp_path):
    loaded = []
    monkeypatch.setattr("avseg.cli.main.load_plugins", loaded.extend)
    command = avseg(["status", "--plugin", "mine", "--out", str(tmp_path), "--plugin=yours"])
    assert command.code == 0, command.err
    assert loaded == ["mine", "yours"]


def test_an_unknown_verb_names_the_nearest():
    assert "did you mean 'train'?" in error_of(["trian"])


def test_an_unknown_option_is_one_line():
    assert "--nope: avseg train has no such option" in error_of(["train", "--nope"])


def test_a_typo_is_named_beside_a_value_that_is_too_long_for_a_file_name():
    assert "the key 'fusio' does not exist" in error_of(["train", "fusio=none", f"experiment={300 * 'x'}"])
    assert "--nope: avseg train has no such option" in error_of(["train", f"--nope={300 * 'x'}"])


def test_a_missing_root_says_how_to_make_one(tmp_path):
    line = error_of(["train", *SMALL, f"data.root={tmp_path}/none", f"paths.outputs={tmp_path}/out"])
    assert str(tmp_path / "none") in line
    assert "avseg data toy" in line
    assert not (tmp_path / "out").exists()


def test_an_unknown_backbone_names_near_ones(ms3_root, tmp_path):
    line = error_of(["train", *SMALL, "backbone.name=resnet5o", f"data.root={ms3_root}", f"paths.outputs={tmp_path}"])
    assert "resnet50" in line


def test_stage_five(ms3_root, tmp_path):
    assert "fusion.stages=5 is not allowed; it must be 1, 2, 3 or 4" in error_of(
        ["train", *SMALL, "fusion.stages=[5]", f"data.root={ms3_root}"]
    )


def test_an_override_that_does_not_exist():
    assert "'optimizer.lrr' does not exist; did you mean 'lr'?" in error_of(["train", "optimizer.lrr=1"])


def test_no_weights_without_the_internet_says_where_to_put_the_file(ms3_root, tmp_path, monkeypatch):
    monkeypatch.setenv("AVSEG_CACHE", str(tmp_path / "cache"))
    arguments = ["train", *SMALL, "audio=vggish", f"data.root={ms3_root}", f"paths.outputs={tmp_path}/out"]
    line = error_of(arguments)
    assert "vggish-10086976.pth" in line
    assert str(tmp_path / "cache") in line


class _Code:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_checkpoint_with_code_never_runs(how, tmp_path):
    mark, path = tmp_path / "ran", tmp_path / "bad.ckpt"
    content = {"avseg": {"config": {}}, "state_dict": _Code(mark)}
    if how == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    for arguments in (["evaluate", f"checkpoint={path}"], ["convert", path, "--out", tmp_path / "x.pth"]):
        assert str(path) in error_of(arguments)
    assert not mark.exists()


def test_a_damaged_checkpoint(trained, tmp_path):
    path = tmp_path / "half.ckpt"
    path.write_bytes((trained.run / "checkpoints/best.ckpt").read_bytes()[:5000])
    assert "damaged" in error_of(["evaluate", f"checkpoint={path}"])


def test_a_checkpoint_cannot_name_foreign_code(trained, tmp_path):
    path = tmp_path / "other.ckpt"
    content = torch.load(trained.run / "checkpoints/best.ckpt", weights_only=True)
    content["avseg"]["config"]["data"]["_target_"] = "os.system"
    torch.save(content, path)
    assert "not allowed" in error_of(["evaluate", f"checkpoint={path}"])


def test_a_file_that_is_not_a_checkpoint(tmp_path):
    (tmp_path / "note.ckpt").write_text("{}")
    assert "is not a checkpoint" in error_of(["evaluate", f"checkpoint={tmp_path}/note.ckpt"])


@pytest.mark.parametrize("config", [None, {}, {"fusion": {}}])
def test_a_checkpoint_of_another_version(trained, tmp_path, config):
    content = torch.load(trained.run / "checkpoints/best.ckpt", weights_only=True)
    content["avseg"]["config"] = config
    torch.save(content, tmp_path / "other.ckpt")
    assert "another version" in error_of(["evaluate", f"checkpoint={tmp_path}/other.ckpt"])


@pytest.mark.parametrize(
    "mistake",
    ["trainer.precision=abc", "callbacks.panels.clips=0", "init.checkpoint=/nope", "model.loss.mapping_form=x"],
)
def test_a_mistake_leaves_no_run_behind(ms3_root, tmp_path, mistake):
    error_of(["train", *SMALL, f"data.root={ms3_root}", f"paths.outputs={tmp_path}/out", mistake])
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_of_a_folder_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in error_of(["data", "toy", "--out", tmp_path / "file" / "set"])


def test_a_file_instead_of_the_outputs_folder(ms3_root, tmp_path):
    (tmp_path / "file").touch()
    line = error_of(["train", *SMALL, f"data.root={ms3_root}", f"paths.outputs={tmp_path}/file"])
    assert "paths.outputs" in line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(monkeypatch, ms3_root, tmp_path):
    def full(*_, **__):
        with Path("/dev/full").open("w") as file:
            file.write("x")
            file.flush()

    monkeypatch.setattr("avseg.training.callbacks.write_rows", full)
    arguments = ["train", *SMALL, f"data.root={ms3_root}", f"paths.outputs={tmp_path}/out", "trainer.max_epochs=1"]
    assert "no space left" in error_of(arguments)
    assert not list(tmp_path.glob("out/*/*/*/result.json"))
    assert not list(tmp_path.rglob("*.part*"))


def test_ctrl_c_is_one_line_and_can_be_continued(ms3_root, tmp_path):
    import signal

    arguments = [
        "train",
        *SMALL,
        f"data.root={ms3_root}",
        f"paths.outputs={tmp_path}/out",
        "trainer.max_epochs=500",
        "callbacks=none",
    ]
    process = start_avseg(arguments)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(tmp_path.glob("out/*/*/*/checkpoints/last.ckpt")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    ended = process.end(timeout=60)
    assert ended.code == 130, ended.err
    assert "the same command again continues" in ended.err
    assert "Traceback" not in ended.err
    assert not list(tmp_path.glob("out/*/*/*/result.json"))
