"""Names of files: on one line, and short enough."""

import io
import os
from contextlib import redirect_stdout

import pytest

from avseg.cli.main import main
from avseg.utils.files import atomic_file, replace_folder
from avseg.utils.names import printable, short_name


def test_what_a_terminal_cannot_show_is_an_escape() -> None:
    assert printable("a é 日本.mp4") == "a é 日本.mp4"
    assert printable("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"
    assert printable(os.fsdecode(b"\xff")) == "\\udcff"


@pytest.mark.parametrize("name", ["x" * 300, "é" * 150, os.fsdecode(b"\xff" * 256)])
def test_long_names_are_cut_and_stay_different(name: str) -> None:
    short = short_name(name, suffix="-2")
    assert len(os.fsencode(short)) <= 255
    assert short != short_name(name + "y", suffix="-2")
    assert short.endswith("-2")
    assert short_name("film", suffix="-2") == "film-2"
    assert short_name("x" * 255) == "x" * 255


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "é" * 127 + "x", os.fsdecode(b"\xff" * 255)])
def test_the_longest_names_can_be_written(tmp_path, name: str) -> None:
    with atomic_file(tmp_path / name) as temporary:
        temporary.touch()
        assert temporary.suffix == (".png" if name.endswith("png") else ".part")
    (tmp_path / name).unlink()
    with replace_folder(tmp_path / name) as folder:
        (folder / "file").touch()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_command_prints_any_name() -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with redirect_stdout(terminal):
        assert main(["predict", "gone", "--out", "out"]) == 2
        print(os.fsdecode(b"\xff"))  # would be a UnicodeEncodeError
