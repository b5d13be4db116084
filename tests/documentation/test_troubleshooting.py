"""What a user types into the search is in a heading of the troubleshooting page, which the search ranks first."""

import re

import pytest
import yaml

from tests.documentation.pages import DOCS, text_of

PAGE = DOCS / "how-to" / "troubleshooting.md"


@pytest.mark.parametrize(
    "query",
    ["out of memory", "CUDA out of memory", "no sound", "where are my masks", "nan", "exit code", "no network", "slow"],
)
def test_a_question_is_in_a_heading(query: str) -> None:
    headings = [set(re.findall(r"\w+", line.lower())) for line in text_of(PAGE).splitlines() if line.startswith("## ")]
    assert any(set(query.lower().split()) <= words for words in headings)


def test_the_search_prefers_the_page_to_the_list_of_messages() -> None:
    boosts: list[float] = []
    for page in (PAGE, DOCS / "generate" / "starts" / "errors.md"):
        _, front, _ = text_of(page).split("---\n", maxsplit=2)
        boosts.append(yaml.safe_load(front)["search"]["boost"])
    assert boosts[0] > boosts[1]
