"""The pages that are made from the code name everything: verbs, options, keys with a meaning, error messages."""

import re
from dataclasses import fields

import pytest
import yaml
from docs.generate import config, errors
from docs.generate.field_texts import field_texts, type_text

from avseg.cli.arguments.verbs import VERBS
from avseg.config import schema
from avseg.config.paths import groups, options
from tests.documentation.generated_pages import command_pages, config_pages, config_text, made_pages, readme_pages
from tests.documentation.pages import DOCS, TOP, WRITTEN


def test_every_verb_has_a_page_with_its_options() -> None:
    assert {path.split("/")[-1] for path in command_pages()} == {"index.md", *(f"{verb}.md" for verb in VERBS)}
    page = command_pages()["reference/commands/predict.md"]
    assert "| `--model, --checkpoint MODEL` | a run, a file, published weights" in page
    assert "avseg predict holiday.mp4 --model avsegformer_pvt_ms3" in page
    assert "## avseg data prepare" in command_pages()["reference/commands/data.md"]


def test_every_key_has_a_type_a_default_and_a_meaning() -> None:
    rows = re.findall(r"^\| `([a-zA-Z_.]+)` \| (.*) \|$", config_text(), flags=re.MULTILINE)
    keys = [(key, cells.split(" | ")) for key, cells in rows]
    incomplete = [key for key, cells in keys if len(cells) == 3 and not all(cell.strip() for cell in cells)]
    assert incomplete == []
    named = {key for key, _ in keys}
    for group, cls in config.CLOSED.items():
        assert {f"{group}.{item.name}" for item in fields(cls)} <= named
    assert {"experiment", "seed", "paths.data", "model.loss.mapping_weight", "data.stray", "model.score.unit"} <= named
    assert {item.name for item in fields(schema.EvaluateConfig)} - {"trainer"} <= named


def test_every_option_of_a_group_is_described() -> None:
    described = dict(re.findall(r"^\| `(\w+=\w+)` \| (.*) \|$", config_text(), flags=re.MULTILINE))
    for group in set(groups()) - {"hydra", "task"}:
        for option in options(group):
            assert described.get(f"{group}={option}", "").strip(), f"{group}={option} has no comment in its file"


def test_defaults_are_those_of_the_yaml_files() -> None:
    assert re.search(
        r"`optimizer.lr` \| learning rate; [^|]+ \| `0.0001` \| number, at least 0, at most 1e\+30 \|", config_text()
    )
    assert re.search(r"`trainer.max_epochs` \| [^|]+ \| `auto` \| integer, at least 1, or null", config_text())
    # 1.0e-3 in aavs.yaml
    assert re.search(r"`model.warmup_lr` \| [^|]+ \| `0.001` \| number, at least 0", config_text())


def test_texts_of_fields_come_from_docstring_or_comment() -> None:
    texts = field_texts(schema.DataConfig)
    assert texts["num_workers"] == "reading processes; null for one less than the processors, at most 4."
    assert field_texts(schema.LoggerConfig)["table"] == "rows of the table of test clips, hardest first"
    assert type_text(schema.DataConfig, "image_size") == "integer, at least 1, or null"
    assert type_text(schema.FusionConfig, "stages") == "list of `1` or `2` or `3` or `4`"


def test_every_error_message_has_a_remedy() -> None:
    text = errors.pages()[errors.PAGE]
    rows = re.findall(r"^\| `+(.*?)`+ \| (.*) \|$", text, flags=re.MULTILINE)
    assert len(rows) > 400
    assert [message for message, remedy in rows if not remedy.strip()] == []
    folders = {path.name for path in errors.SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    raising = {name for name in folders if any(errors._folder_messages(errors.SOURCE / name))}
    assert raising <= set(errors.TITLES)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise UserError(f'{key}={value} is wrong; it must be 1')", ("…=… is wrong", "it must be 1")),
        ("text = 'a ' + f'{b}'\n    raise UserError(text + '; do c')", ("a …", "do c")),
        ("raise UserError(f'--jobs {n}: must be at least 1')", ("--jobs …", "must be at least 1")),
        (
            "raise UserError(f'{path}: cannot be read ({error})')",
            ("…: cannot be read (…)", "the reason is in brackets"),
        ),
    ],
)
def test_a_message_is_split(source: str, message: tuple[str, str]) -> None:
    (text,) = errors.messages(f"def function():\n    {source}\n")
    assert errors.split(text) == message


def test_links_of_readmes_lead_to_pages() -> None:
    pages = readme_pages()
    known = set(pages) | set(command_pages()) | set(config_pages())
    for path, text in pages.items():
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in link:
                target = (DOCS / path).parent / link
                name = target.resolve().relative_to(DOCS).as_posix()
                assert name in known or target.exists(), f"{path}: {link}"


def test_the_navigation_names_every_page() -> None:
    class Loader(yaml.SafeLoader):
        pass

    content = yaml.load((TOP / "mkdocs.yml").read_text(encoding="utf-8"), Loader)

    def paths(node: object) -> list[str]:
        if isinstance(node, str):
            return [node]
        below = node.values() if isinstance(node, dict) else node
        return [path for entry in below for path in paths(entry)]  # type: ignore[union-attr]

    written = {path.relative_to(DOCS).as_posix() for path in WRITTEN}
    made = made_pages()
    assert set(paths(content["nav"])) == written | made
