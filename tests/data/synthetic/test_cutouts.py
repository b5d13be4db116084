import csv
import shutil
import subprocess

import numpy as np
import pytest
import soundfile
from PIL import Image

from avseg.data.synthetic import cutouts
from avseg.data.synthetic.composer import CutoutCast
from avseg.data.synthetic.cutouts import fetch_package, obtain_cutouts
from avseg.utils.errors import UserError
from tests.data.synthetic.make_cutouts import RATE, tone, write_image

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb builds and unpacks the package")
STEMS = ("badger", "beaver", "cello", "dog")


@pytest.fixture
def deb(tmp_path, monkeypatch):
    """Build a package like the real one, with four stamps, a spoken description and a symbol."""
    monkeypatch.setattr(cutouts, "_STEMS", STEMS)
    stamps = tmp_path / "tree/usr/share/tuxpaint/stamps/animals"
    stamps.mkdir(parents=True)
    for i, stem in enumerate((*STEMS, "a_filled")):
        write_image(stamps / f"{stem}.png", i)
        for suffix in ("", "_desc"):
            soundfile.write(stamps / f"{stem}{suffix}.ogg", tone(400 * (i + 1)), RATE)
    with Image.open(stamps / "dog.png") as image:
        image.convert("LA").save(stamps / "dog.png")
    control = tmp_path / "tree/DEBIAN/control"
    control.parent.mkdir()
    control.write_text(
        "Package: tuxpaint-stamps-default\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: b\n"
    )
    package = tmp_path / "stamps.deb"
    command = ["dpkg-deb", "--root-owner-group", "-b", str(tmp_path / "tree"), str(package)]
    subprocess.run(command, check=True, capture_output=True)
    return package


@needs_dpkg
def test_pairs_and_classes_are_written_and_can_be_composed(deb, tmp_path):
    classes = obtain_cutouts(tmp_path / "out", deb)
    assert classes == {"badger": ["badger", "beaver"], "cello": ["cello"], "dog": ["dog"]}
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    pairs = [f"{stem}{suffix}" for stem in STEMS for suffix in (".png", ".wav")]
    assert names == sorted([*pairs, "LICENCE.txt", "classes.csv"])
    with (tmp_path / "out/classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["licence"] for row in rows} == {"GPL-2"}
    assert rows[0]["source"] == "stamps.deb:animals/badger.png"
    assert CutoutCast(tmp_path / "out").categories == ["badger", "cello", "dog"]


@needs_dpkg
def test_sounds_keep_their_pitch_and_do_not_clip(deb, tmp_path):
    obtain_cutouts(tmp_path / "out", deb)
    wave, rate = soundfile.read(tmp_path / "out/cello.wav")
    assert rate == RATE
    assert np.abs(np.fft.rfft(wave)).argmax() * rate / len(wave) == pytest.approx(1200, abs=10)
    assert 0.3 < np.abs(wave).max() <= 1


@needs_dpkg
def test_a_package_that_lacks_cut_outs_leaves_nothing(deb, tmp_path, monkeypatch):
    monkeypatch.setattr(cutouts, "_STEMS", (*STEMS, "unicorn"))
    with pytest.raises(UserError, match=r"lacks 1 of 5 cut-outs \(unicorn\)"):
        obtain_cutouts(tmp_path / "out", deb)
    assert not (tmp_path / "out").exists()


@needs_dpkg
def test_a_missing_package_and_a_folder_in_use_are_reported(deb, tmp_path):
    with pytest.raises(UserError, match=r"--deb .*nowhere.deb does not exist"):
        obtain_cutouts(tmp_path / "out", tmp_path / "nowhere.deb")
    (tmp_path / "broken.deb").write_bytes(b"not a package")
    with pytest.raises(UserError, match=r"broken.deb is not a complete Debian package"):
        obtain_cutouts(tmp_path / "out", tmp_path / "broken.deb")
    with pytest.raises(UserError, match="exists and is not empty"):
        obtain_cutouts(tmp_path, deb)
    assert not (tmp_path / "out").exists()


def test_without_apt_one_line_explains_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    with pytest.raises(UserError, match=r"apt-get is not installed.* --deb FILE"):
        fetch_package(tmp_path / "cache")
    with pytest.raises(UserError, match=r"dpkg-deb is not installed"):
        obtain_cutouts(tmp_path / "out")


def test_a_failing_apt_is_reported_and_leaves_no_file(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 100, "", "Reading lists\nE: Unable to locate package")
    monkeypatch.setattr(shutil, "which", lambda tool: tool)
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: failed)
    with pytest.raises(UserError, match=r"failed \(E: Unable to locate package\); run `apt-get update`"):
        fetch_package(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_fetched_package_is_not_fetched_again(tmp_path, monkeypatch):
    cached = tmp_path / "tuxpaint-stamps-default_1_all.deb"
    cached.write_bytes(b"")
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: pytest.fail("fetched"))
    assert fetch_package(tmp_path) == cached


def test_the_list_has_78_stems_and_73_classes():
    assert len(set(cutouts._STEMS)) == len(cutouts._STEMS) == 78
    assert len({cutouts._SHARED.get(stem, stem) for stem in cutouts._STEMS}) == 73
    assert set(cutouts._SHARED) < set(cutouts._STEMS)
    assert not {"giraffe", "iguana", "nandou", "wombat"} & set(cutouts._STEMS)  # silent placeholders
