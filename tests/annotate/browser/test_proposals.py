"""Segments proposed from the sound: by a threshold, and by the classes that an audio branch hears."""

from pathlib import Path
from typing import Any

import pytest

from avseg.annotate.proposals.audio_branch import SoundEvent
from avseg.utils.errors import UserError
from tests.annotate.browser.live_server import serving
from tests.annotate.browser.page_driver import User
from tests.annotate.proposals.test_energy import BURSTS, video, with_noise


def test_thresholds_and_the_classes_of_an_audio_branch(page: Any, tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    film = video(folder, with_noise(6, BURSTS, -20, -70))
    thresholds = []

    def detect(index: Any, run: Path, threshold: float | None = None, device: str = "cpu") -> list[SoundEvent]:
        thresholds.append(threshold)
        if threshold == 1:
            raise UserError(f"{run} does not classify sound")
        return [SoundEvent("dog", 0.5, 1.4, 0.9), SoundEvent("cat", 2.2, 3.5, 0.7), SoundEvent("dog", 4.0, 5.5, 0.8)]

    monkeypatch.setattr("avseg.annotate.proposals.audio_branch.detect_events", detect)
    with serving(folder, audio_branch=tmp_path) as live:
        user = User(page, live, film.name)
        user.press("g")  # no object is needed
        page.fill("dialog [name=threshold]", "1")
        page.keyboard.press("Enter")
        user.until(lambda: "does not classify sound" in user.status_text)
        user.press("g")
        page.fill("dialog [name=threshold]", "0.4")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog h2:has-text('Classes that sound')")
        rows = page.locator("dialog tbody tr").all_inner_texts()
        assert [row.split("\t")[:2] for row in rows] == [[" dog", "2"], [" cat", "1"]]
        assert thresholds == [1, 0.4]
        page.uncheck("dialog [value=cat]")
        page.keyboard.press("Enter")
        user.until(lambda: len(user.document.segments) == 2)
        user.settle()
        assert [item.label for item in user.document.objects.values()] == ["dog"]
        user.until(lambda: "2 segments proposed" in user.status_text)
        user.press("z")  # objects and segments are one step
        user.until(lambda: not user.document.segments and not user.document.objects)
        user.press("Shift+Z")
        user.until(lambda: len(user.document.segments) == 2)
        user.settle()
        page.wait_for_selector(".object.chosen:has-text('dog')")
        # by the level: none is as loud as that
        user.press("t")
        page.fill("[name=label]", "bird")
        user.press("Enter", "g")
        page.select_option("dialog [name=method]", "energy")
        page.fill("dialog [name=rise]", "60")
        page.keyboard.press("Enter")
        user.until(lambda: "no further segments" in user.status_text)
        user.press("g")
        page.fill("dialog [name=rise]", "14")
        page.keyboard.press("Enter")
        user.until(lambda: len(user.document.segments_of(2)) == 3)


@pytest.mark.slow
def test_without_an_audio_branch_the_dialog_says_how_to_get_one(page: Any, tmp_path: Path) -> None:
    film = video(tmp_path, with_noise(6, BURSTS, -20, -70))
    with serving(tmp_path) as live:
        user = User(page, live, film.name)
        user.press("g")
        assert "first add an object" in user.status_text
        user.add_object("dog")
        user.press("g")
        assert "--audio-branch" in page.inner_text("dialog")
