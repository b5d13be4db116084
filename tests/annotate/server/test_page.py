"""The page is complete, loads nothing from elsewhere and satisfies its content security policy."""

import re

import pytest
from fastapi.testclient import TestClient

from avseg.annotate.server.app import PAGE

MODULES = sorted(path.name for path in PAGE.glob("*.js"))


@pytest.mark.parametrize("name", MODULES)
def test_a_module(name: str) -> None:
    text = (PAGE / name).read_text(encoding="utf-8")
    for match in re.findall(r'from "(.*?)"|import\("(.*?)"\)', text):
        target = (match[0] or match[1]).removeprefix("./")
        assert target in MODULES, f"{name} imports {target}"
        exported = set(
            re.findall(r"export (?:async )?(?:function|const|class|let) ([\w$]+)", (PAGE / target).read_text())
        )
        for names in re.findall(rf'import {{([^}}]*)}} from "\./{re.escape(target)}"', text):
            imported = {word.split(" as ")[0].strip() for word in names.split(",")}
            assert imported <= exported, f"{name}: {target} has no {imported - exported}"
            for word in imported:
                used = re.findall(rf"(?<![\w$]){re.escape(word)}(?![\w$])", text)
                assert len(used) > 1, f"{name} imports {word} for nothing"
    assert not re.search(r"https?://|\beval\(|innerHTML|new Function|setAttribute\(\"style\"", text)
    assert len(text.splitlines()) <= 400


def test_the_html_has_nothing_inline() -> None:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|\son\w+=|\sstyle=|<style|<script(?![^>]*src=)", text)
    ids = set(re.findall(r'\sid="([\w-]+)"', text))
    used = {result for name in MODULES for result in re.findall(r'\$\("([\w-]+)"\)', (PAGE / name).read_text())}
    assert used <= ids


def test_each_file_is_served_as_what_it_is(client: TestClient) -> None:
    media_types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
    for path in PAGE.iterdir():
        answer = client.get(f"/{path.name}")
        assert answer.status_code == 200, path.name
        assert answer.headers["content-type"].startswith(media_types[path.suffix])
        assert answer.content == path.read_bytes()
