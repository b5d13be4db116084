"""The README is short; its commands are run and composed like those of the site (`tests/documentation`)."""

from tests.documentation.pages import TOP, blocks, text_of

README = TOP / "README.md"


def test_it_is_short() -> None:
    assert len(text_of(README).splitlines()) <= 150


def test_it_begins_with_a_picture_and_three_commands() -> None:
    first, second, *_ = text_of(README).split("\n## ")
    assert "![" in first
    assert second.startswith("Your own video")
    assert len(blocks(README, "bash")[0].commands()) == 3


def test_it_holds_no_other_programs() -> None:
    programs = {words[0] for block in blocks(README, "bash") for words in block.commands()}
    assert programs <= {"avseg", "make", "pip"}
