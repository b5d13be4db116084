"""Every block of the site that is not marked runs, in the order of its page, in a folder with small toy data and a run.

Commands are made small: few clips, 32 pixels, one epoch. RUN stands for a run directory.
"""

import contextlib
import io
import re
import shutil
import warnings
from pathlib import Path

import pytest

from tests.documentation.pages import PAGES, Block, blocks, name_of
from tests.media.make_video import make_video
from tests.runs_for_tests import avseg

# a placeholder of the pages, and what the folder of that run is called
RUNS = {"RUN": "*", "NONE": "*-none-*", "STAGE_4": "*-s4-*"}
BAR = "trainer.enable_progress_bar=false"
# pages of a plugin: tests/test_extending_docs.py
RUN_PAGES = [page for page in PAGES if any(block.is_run for block in [*blocks(page, "bash"), *blocks(page, "python")])]


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has after the first steps of the tutorial, and the files that pages take for granted."""
    folder = tmp_path_factory.mktemp("reader")
    make_video(folder / "video.mp4", frames=24, rate=8, size=(48, 64))
    make_video(folder / "silent.mp4", frames=8, rate=8, size=(48, 64), sound=None)
    for name in ("folder", "my_videos"):
        (folder / name).mkdir()
        make_video(folder / name / "one.mp4", frames=48, rate=8, size=(48, 64))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (
            ["data", "toy", "--setting", "ms3", "--out", "data/toy_ms3"],
            ["train", "recipe=toy"],
        ):
            done = avseg(small(words))
            assert done.code == 0, done.err
    shutil.copytree(folder / "data/toy_ms3/ms3_data/gt_masks/test", folder / "masks_of_theirs")
    return folder


def small(words: list[str]) -> list[str]:
    """The command with few clips, small frames and one epoch."""
    if words[:2] == ["data", "toy"]:
        if "lu_avs" in words:
            return [*words, "--train", "2", "--val", "1", "--test", "1", "--seconds", "3", "4", "--size", "32"]
        return [*words, "--train", "6", "--val", "3", "--test", "5", "--size", "32"]
    if words[0] == "train":
        short = [BAR, "trainer.max_epochs=1", "data.num_workers=0", "callbacks=none"]
        if not any(word.startswith("trainer=") for word in words):
            short.append("trainer=cpu")
        if not any(word.startswith("model=") for word in words):
            short += ["model.channels=8", "data.image_size=32"]
        elif any("lu_avs" in word for word in words):
            short.append("data.labels=null")  # few videos hold few classes
        return [*words, *short]
    if words[0] == "evaluate":
        return [*words, "trainer=cpu", BAR]
    return words


def with_runs(text: str) -> str:
    """The text with run directories in place of RUN and the like."""

    def folder(match: re.Match[str]) -> str:
        runs = sorted(Path("outputs", match[1]).glob(f"{RUNS[match[2]]}/{match[3]}"))
        assert runs, f"no run for {match[0]}"
        return runs[0].as_posix()

    return re.sub(rf"outputs/(\w+)/({'|'.join(RUNS)})/(seed=\d+)", folder, text)


def run_block(block: Block) -> None:
    if block.language == "python":
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            exec(compile(with_runs(block.code), "page", "exec"), {})
        return
    for words, expected in zip(block.commands(), block.exit_codes(), strict=True):
        assert words[0] == "avseg", words
        done = avseg([with_runs(word) for word in small(words[1:])])
        assert done.code == expected, f"{' '.join(words)}: {done.out}{done.err}"


def run_page(page: Path, folder: Path, *, also: str = "") -> None:
    """Run the blocks of a page in order; `also` is the beginning of titles whose blocks are run as well."""
    for block in blocks(page):
        if block.language in ("yaml", "csv") and block.is_file:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.code)
        elif block.language in ("bash", "python") and (block.is_run or (also and block.title.startswith(also))):
            run_block(block)


# a sweep, whose jobs are processes of their own; wandb's service; pictures, videos and a page of all clips
SLOW = ("sweep.md", "wandb.md", "compare.md")


def marked(page: Path) -> object:
    return pytest.param(page, id=name_of(page), marks=[pytest.mark.slow] if page.name in SLOW else [])


@pytest.mark.parametrize("page", [marked(page) for page in RUN_PAGES])
def test_a_page_runs(page: Path, reader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(reader, folder)
    if page.name in ("toy.md", "README.md"):  # they make the data themselves
        shutil.rmtree(folder / "data")
        shutil.rmtree(folder / "outputs")
    monkeypatch.chdir(folder)
    run_page(page, folder, also="needs the runs above" if page.name == "sweep.md" else "")


def test_pages_with_commands_are_run() -> None:
    names = {name_of(page) for page in RUN_PAGES}
    assert {f"docs/tutorial/{name}.md" for name in ("own-video", "toy", "avsbench", "sweep")} <= names
    assert {f"docs/how-to/{name}.md" for name in ("own-data", "compare", "controls", "lu-avs", "python")} <= names
