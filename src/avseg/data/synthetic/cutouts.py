"""Obtains real cut-outs with real sounds: the stamps of Tux Paint, from the Debian package `tuxpaint-stamps-default`.

Of its 131 pictures with a sound effect it takes 78 animals, instruments and things; it leaves symbols, drawings, the
spoken descriptions (`X_desc.ogg`) and four animals whose sound is a silent placeholder (giraffe, iguana, nandou,
wombat). Pictures that share a recording (cross-correlation of 0.68 and more) form one class: by ear they are one.
The art is under GPL-2 (Bill Kendrick and contributors) and must not be committed.
"""

import csv
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from avseg.data.avsbench.writer import write_wav
from avseg.data.synthetic.composer import CLASS_FILE
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_folder

PACKAGE = "tuxpaint-stamps-default"
_LICENCE = "GPL-2"
_STAMPS = "./usr/share/tuxpaint/stamps/"
_STEMS = (
    # animals
    *("frog", "blackbird", "crow", "cuckoo", "drake", "duck", "gander", "hen", "heron_greatblue_flying", "lark", "owl"),
    *("penguin", "quetzal", "rooster", "seagull", "tucan", "turkey", "vulture", "bee", "grasshopper", "hornet"),
    *("xanthia", "chimp", "gorilla", "dolphin", "orca", "sea_lion", "whale", "badger", "bear", "bison", "bull", "cow"),
    *("cow_white", "goat", "mountaingoat", "ram", "sheep", "sheep_lamb", "camel", "dromedary", "lion", "tiger"),
    *("caribou", "deer", "doe", "dog", "fox", "elephant", "donkey", "horse", "zebra", "ferret", "hippopotamus", "pig"),
    *("pig_golden", "pig_golden2", "beaver", "mouse", "rabbit", "squirrel", "koala"),
    # instruments
    *("cymbal_crash", "drum_tomtom_floor", "drumkit", "cello", "violin", "bassoon"),
    # things
    *("firetruck", "camera_35mm", "kettle", "toilet", "hammer", "mallet_metal", "saw", "rubberduck"),
    *("scissors_small_open", "scissors_small_closed"),
)
_SHARED = {
    "beaver": "badger",
    "mountaingoat": "goat",
    "ram": "goat",
    "dromedary": "camel",
    "scissors_small_open": "scissors",
    "scissors_small_closed": "scissors",
}
_NO_APT = (
    f"{{tool}} is not there to fetch the Debian package {PACKAGE}; download it from "
    f"https://packages.debian.org/{PACKAGE} and give its path with --deb FILE"
)


def obtain_cutouts(out: Path, deb: Path | None = None) -> dict[str, list[str]]:
    """Writes pairs X.png and X.wav, `classes.csv` and a note of the licence into a folder.

    Args:
        out: a folder that does not exist or is empty.
        deb: the package file; None = fetch it with apt-get, once, into the user's cache. Nothing is installed.

    Returns:
        The written stems by class.

    Raises:
        UserError: `out` is in use, no apt-get or dpkg-deb, no network, not this package.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out {out} exists and is not empty; name another folder or remove it")
    if shutil.which("dpkg-deb") is None:
        raise UserError("dpkg-deb is not there to unpack the Debian package; run this on Debian or Ubuntu")
    package = deb or fetch_package(_cache_folder())
    if not package.is_file():
        raise UserError(f"--deb {package} does not exist; leave it away to fetch the package with apt-get")
    with atomic_folder(out) as folder:
        found = dict(_write_members(package, folder))
        return _write_notes(folder, package, found)


def fetch_package(cache: Path) -> Path:
    """Fetches the package file with apt-get unless the cache has it.

    Raises:
        UserError: no apt-get, or it failed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for known in sorted(cache.glob(f"{PACKAGE}_*.deb")):
        return known
    if shutil.which("apt-get") is None:
        raise UserError(_NO_APT.format(tool="apt-get"))
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = ["apt-get", "download", PACKAGE]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        files = list(Path(folder).glob("*.deb"))
        if done.returncode or not files:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UserError(f"`{' '.join(command)}` failed ({reason}); run `apt-get update`, or give --deb FILE")
        return files[0].replace(cache / files[0].name)


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "avseg"


def _write_members(package: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Writes the wanted pictures and sounds; gives stem and place in the package of each picture."""
    wanted = {f"{stem}{suffix}" for stem in _STEMS for suffix in (".png", ".ogg")}
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as unpacker:
        try:
            with tarfile.open(fileobj=unpacker.stdout, mode="r|") as archive:
                for member in archive:
                    content = archive.extractfile(member) if Path(member.name).name in wanted else None
                    if content is not None and member.name.startswith(_STAMPS):
                        yield from _write_member(member.name, content.read(), folder)
        except tarfile.TarError as error:
            raise UserError(f"{package} is not a whole Debian package ({error}); fetch it again") from error


def _write_member(name: str, content: bytes, folder: Path) -> Iterator[tuple[str, str]]:
    stem = Path(name).stem
    if name.endswith(".png"):
        with Image.open(io.BytesIO(content)) as picture:
            picture.convert("RGBA").save(folder / f"{stem}.png")
        yield stem, name.removeprefix(_STAMPS)
    else:
        wave, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
        peak = max(1.0, float(np.abs(wave).max()))  # lossy coding overshoots full scale
        write_wav(folder / f"{stem}.wav", wave.mean(axis=1) / peak, rate)


def _write_notes(folder: Path, package: Path, found: dict[str, str]) -> dict[str, list[str]]:
    """Writes classes.csv and the note of the licence; gives the stems by class."""
    missing = [stem for stem in _STEMS if stem not in found or not (folder / f"{stem}.wav").is_file()]
    if missing:
        raise UserError(
            f"{package} lacks {len(missing)} of {len(_STEMS)} cut-outs ({missing[0]}); give a {PACKAGE} .deb"
        )
    classes: dict[str, list[str]] = {}
    with (folder / CLASS_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "class", "licence", "source"))
        for stem in sorted(found):
            category = _SHARED.get(stem, stem)
            classes.setdefault(category, []).append(stem)
            writer.writerow((stem, category, _LICENCE, f"{package.name}:{found[stem]}"))
    note = f"Pictures and sounds from {package.name}, {_LICENCE}, Bill Kendrick and contributors. Do not commit them.\n"
    (folder / "LICENCE.txt").write_text(note, encoding="utf-8")
    return classes
