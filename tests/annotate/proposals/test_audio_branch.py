"""Segments that a trained audio branch proposes: the classes it hears, with the edges of the energy."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import open_reader
from avseg.annotate.proposals import audio_branch
from avseg.annotate.proposals.audio_branch import SoundEvent
from avseg.annotate.proposals.energy import propose
from avseg.data.lu_avs import read_release, second_targets
from avseg.data.lu_avs.synthetic.renderer import SyntheticVideoConfig
from avseg.data.lu_avs.synthetic.writer import write_release
from avseg.data.synthetic.toy import ToyCast
from avseg.media.frame_index import frame_index
from avseg.utils.errors import UserError
from tests.annotate.proposals.test_energy import BURSTS, spans, video, with_noise
from tests.runs_for_tests import avseg
from tests.training.long.known import Known
from tests.training.long.words import words


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A made video of 6 seconds and its release."""
    root = tmp_path_factory.mktemp("made")
    write_release(root, SyntheticVideoConfig(ToyCast(), 32, (6, 6), 0.25), {"test": 1}, {})
    return read_release(root)


def load(monkeypatch, predictor):
    """In place of a trained run."""
    model = SimpleNamespace(to=lambda device: model, config=SimpleNamespace(name="lu_avs_mask"))
    monkeypatch.setattr(audio_branch, "LongVideoModule", SimpleNamespace)
    monkeypatch.setattr(audio_branch, "load_model", lambda run: model)
    monkeypatch.setattr(audio_branch, "LongPredictor", lambda model, **options: predictor)


def test_a_branch_names_what_it_hears(made, monkeypatch, tmp_path):
    (video,) = made.videos.values()
    heard = Known(made, "none").listen(frame_index(video.path).video)  # the annotation, in whole seconds
    load(monkeypatch, SimpleNamespace(audio=object(), names=made.labels, listen=lambda film: heard))
    with open_reader(video.path, tmp_path) as film:
        sound = Sound(video.path, tmp_path)
        found = propose(sound, film, tmp_path, snap=0)
        targets = second_targets(video, len(made.labels)).numpy().astype(int)
        heard = np.zeros_like(targets)
        for proposal in found:
            seconds = [film.times[proposal.start], film.index.edges()[proposal.end]]
            first, last = np.round(seconds).astype(int)
            np.testing.assert_allclose(seconds, [first, min(last, film.duration)], atol=0.1)
            heard[first:last, made.labels.index(proposal.label)] = 1
            assert proposal.score == 1
        np.testing.assert_array_equal(heard, targets)
        assert found == sorted(found, key=lambda proposal: proposal.start)


def test_a_branch_gets_exact_edges_from_the_energy(tmp_path, monkeypatch):
    path = video(tmp_path, with_noise(6, BURSTS, -20, -70))
    heard = [SoundEvent("dog", 0.0, 1.0, 0.9), SoundEvent("dog", 4.0, 6.0, 0.8), SoundEvent("cat", 2.0, 3.5, 0.7)]
    monkeypatch.setattr("avseg.annotate.proposals.audio_branch.detect_events", lambda index, run, **options: heard)
    with open_reader(path) as film:
        exact, plain = (propose(path, film, tmp_path, **options) for options in ({}, {"snap": 0}))
        assert [(each.label, each.score) for each in exact] == [("dog", 0.9), ("cat", 0.7), ("dog", 0.8)]
        np.testing.assert_allclose(spans(exact, film), [(0.5, 1.4), (2.2, 3.5), (4.0, 5.52)], atol=0.08)
        np.testing.assert_allclose(spans(plain, film), [(0, 1), (2, 3.5), (4, 6)], atol=0.05)


def test_a_run_that_does_not_hear(monkeypatch, tmp_path):
    path = video(tmp_path, with_noise(1, [], -20, -70), frames=25)
    load(monkeypatch, SimpleNamespace(audio=None))
    with (
        open_reader(path) as film,
        pytest.raises(UserError, match=r"\(model=lu_avs_mask\); give a run of model=lu_avs_audio"),
    ):
        propose(path, film, tmp_path)


def test_a_trained_run(tmp_path):
    root, outputs = tmp_path / "release", tmp_path / "outputs"
    write_release(root, SyntheticVideoConfig(ToyCast(), 32, (4, 6), 0.25), {"train": 4, "val": 2, "test": 1}, {})
    done = avseg(words("audio", root, outputs), outputs)
    assert done.code == 0, done.err
    run = Path(done.out.rpartition("run directory: ")[2].strip())
    release = read_release(root)
    (video,) = release.subset("test")
    with open_reader(video.path) as film:
        found = propose(video.path, film, run, threshold=0.01)
        assert found
        assert {proposal.label for proposal in found} <= set(release.labels)
        assert all(0 <= each.start < each.end <= film.frames and 0.01 < each.score <= 1 for each in found)
