"""Commands, keys and links of every page exist: each line is parsed, each configuration composed."""

import argparse
import itertools
import re
import shlex
from pathlib import Path

import pytest

from avseg.cli.main import build_parser
from avseg.config.compose import compose_evaluate, compose_train
from avseg.config.paths import groups, options
from avseg.utils.errors import UserError
from tests.documentation.generated_pages import config_text, made_files
from tests.documentation.pages import PAGES, TOP, Block, blocks, name_of, prose, text_of

OTHER_PROGRAMS = {"make", "pip", "python", "git", "srun", "sbatch", "job=$(sbatch", "ssh", "uv"}
# keys of other places than the configuration, and words that stand for any key
FOREIGN = {"key", "weights_only", "scope", "window", "num_classes", "rate", "unit", "drop_empty_gt", "over", "metric"}
FOREIGN |= {"sam", "sam_2", "xmem", "group", "nodes", "reads", "m_tIoU", "predicted_range", "empty_video", "monitor"}


def bash_blocks() -> list[tuple[Path, Block]]:
    return [(page, block) for page in PAGES for block in blocks(page, "bash")]


def avseg_commands() -> list[tuple[str, list[str]]]:
    """The commands of all pages but those of a plugin, which the plugin example's tests run."""
    commands = []
    for page, block in bash_blocks():
        for words in block.commands():
            if words[0] == "srun":
                words = words[words.index("avseg") :]
            if words[0] == "avseg" and "--plugin" not in words:
                commands.append((name_of(page), words[1:]))
    return commands


def help_examples() -> list[list[str]]:
    """The examples in the help of every verb; an explanation stands behind two spaces."""

    def texts(parser: argparse.ArgumentParser) -> list[str]:
        below = [action.choices.values() for action in parser._actions if isinstance(action.choices, dict)]
        return [parser.format_help(), *(text for verbs in below for verb in verbs for text in texts(verb))]

    lines = "\n".join(texts(build_parser())).splitlines()
    examples = [line.strip().split("  ")[0] for line in lines if line.startswith("  avseg ")]
    return [words[1:] for words in map(shlex.split, examples) if "..." not in words]


def combinations(overrides: list[str]) -> list[list[str]]:
    """What a sweep runs: every combination of the values between commas outside of brackets."""
    values = []
    for key, many in (word.split("=", 1) for word in overrides):
        parts = [many] if "[" in many else many.split(",")
        values.append([f"{key}={part}" for part in parts])
    return [list(combination) for combination in itertools.product(*values)]


def test_blocks_have_a_known_mark() -> None:
    marks = [block.title for page in PAGES for block in blocks(page) if block.title and not block.is_file]
    assert [mark for mark in marks if not mark.startswith(("needs ", "takes ", "part of "))] == []


def test_no_page_has_other_programs() -> None:
    used = {words[0] for _, block in bash_blocks() for words in block.commands()}
    assert used <= {"avseg", "#SBATCH", *OTHER_PROGRAMS}


@pytest.mark.parametrize(
    "words",
    [*(words for _, words in avseg_commands()), *help_examples()],
    ids=lambda words: " ".join(words)[:80],
)
def test_a_command_is_understood(words: list[str]) -> None:
    arguments = build_parser().parse_args(words)
    if words[0] in ("train", "convert"):
        own = [word for word in arguments.overrides if not word.startswith("hydra")]
        for overrides in combinations(own):  # one, but for a sweep
            compose_train(overrides)
    elif words[0] == "evaluate":
        assert compose_evaluate(arguments.overrides).checkpoint


def mistake(words: list[str]) -> str:
    """What the parser finds wrong; nothing when help was asked for."""
    try:
        build_parser().parse_args(words)
    except UserError as error:
        return str(error)
    except SystemExit:
        pass
    return ""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_in_the_prose_names_a_verb(page: Path) -> None:
    for code in re.findall(r"`avseg ([^`\n]+)`", prose(page)):
        words = shlex.split(code)
        if words[0] in ("VERB", "--plugin") or "..." in words:
            continue
        wrong = mistake(words)
        assert not wrong or "required" in wrong, f"{code}: {wrong}"  # it may be named without its arguments


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_settings_in_the_prose_exist(page: Path) -> None:
    """`key=` and `key=value` in the prose are keys of the reference, and a group's value is one of its options."""
    for key, value in re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)=([^`\s]*)`", prose(page)):
        if key in FOREIGN or key.startswith("hydra"):
            continue
        if key in groups():
            # a word in capitals stands for an option
            assert not value or value.isupper() or "*" in value or value in (*options(key), "example"), f"{key}={value}"
        else:
            assert f"| `{key}` |" in config_text(), f"{key}={value}"


def test_targets_of_make_exist() -> None:
    makefile = text_of(TOP / "Makefile")
    named = {words[1] for _, block in bash_blocks() for words in block.commands() if words[0] == "make"}
    for page in PAGES:
        named |= set(re.findall(r"`make ([a-z0-9-]+)", prose(page)))
    assert [name for name in sorted(named) if not re.search(rf"^{name}:.*## \S", makefile, flags=re.MULTILINE)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Links of a page lead to files of the site or to pages that are made from the code."""
    links = re.findall(r"\]\(([^)#\s]+)", text_of(page))
    paths = [(page.parent / link).resolve() for link in links if "://" not in link]
    assert [path for path in paths if not path.exists() and path not in made_files()] == []
