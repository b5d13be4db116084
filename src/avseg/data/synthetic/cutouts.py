"""Obtain real cut-outs with real sounds: the stamps of Tux Paint, from the Debian package `tuxpaint-stamps-default`.

Of its 131 images with a sound effect, 78 animals, instruments and things are used, without symbols, drawings, the
spoken descriptions (`X_desc.ogg`) and four animals whose sound is a silent placeholder (giraffe, iguana, nandou,
wombat). Images that share a recording (cross-correlation of 0.68 and more) form one class, as they sound the same.
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
from avseg.data.synthetic.output import check_new_folder
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
# class of the stems that share a recording
_SHARED = {
    "beaver": "badger",
    "mountaingoat": "goat",
    "ram": "goat",
    "dromedary": "camel",
    "scissors_small_open": "scissors",
    "scissors_small_closed": "scissors",
}
_NO_APT = (
    f"apt-get is not installed, so the Debian package {PACKAGE} cannot be fetched; download it from "
    f"https://packages.debian.org/{PACKAGE} and pass it with --deb FILE"
)


def obtain_cutouts(out: Path, deb: Path | None = None) -> dict[str, list[str]]:
    """Write pairs X.png and X.wav, `classes.csv` and a licence note into a new or empty folder; return stems by class.

    Without a package file `deb` it is fetched once with apt-get into the user's cache. Nothing is installed.

    Raises:
        UserError: `out` is not empty, no apt-get or dpkg-deb, no network, not this package.
    """
    check_new_folder(out)
    if shutil.which("dpkg-deb") is None:
        raise UserError("dpkg-deb is not installed, so the Debian package cannot be unpacked; use Debian or Ubuntu")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "avseg"
    package = deb or fetch_package(cache)
    if not package.is_file():
        raise UserError(f"--deb {package} does not exist; omit it to fetch the package with apt-get")
    with atomic_folder(out) as folder:
        sources = _write_pairs(package, folder)
        return _write_notes(folder, package, sources)


def fetch_package(cache: Path) -> Path:
    """Fetch the package file with apt-get unless it is cached."""
    cache.mkdir(parents=True, exist_ok=True)
    cached = sorted(cache.glob(f"{PACKAGE}_*.deb"))
    if cached:
        return cached[0]
    if shutil.which("apt-get") is None:
        raise UserError(_NO_APT)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = ["apt-get", "download", PACKAGE]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        files = list(Path(folder).glob("*.deb"))
        if result.returncode or not files:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UserError(f"`{' '.join(command)}` failed ({reason}); run `apt-get update`, or pass --deb FILE")
        return files[0].replace(cache / files[0].name)


def _write_pairs(package: Path, folder: Path) -> dict[str, str]:
    """Write the images and sounds of the stems; return the path inside the package of each image by stem."""
    sources: dict[str, str] = {}
    for member, content in _read_stamps(package):
        path = Path(member)
        if path.suffix == ".png":
            with Image.open(io.BytesIO(content)) as image:
                image.convert("RGBA").save(folder / path.name)
            sources[path.stem] = member
        elif path.suffix == ".ogg":
            _write_sound(content, folder / f"{path.stem}.wav")
    return sources


def _read_stamps(package: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path (below the stamps folder) and content of the files of the stems; streams the 160 MB archive."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpacker:
        try:
            with tarfile.open(fileobj=unpacker.stdout, mode="r|") as archive:
                for member in archive:
                    is_stamp = member.name.startswith(_STAMPS) and Path(member.name).stem in _STEMS
                    content = archive.extractfile(member) if is_stamp else None
                    if content is not None:
                        yield member.name.removeprefix(_STAMPS), content.read()
        except tarfile.TarError as error:
            raise UserError(f"{package} is not a complete Debian package ({error}); fetch it again") from error


def _write_sound(content: bytes, path: Path) -> None:
    wave, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)  # (n, channels)
    peak = max(1.0, float(np.abs(wave).max()))  # lossy coding overshoots full scale
    write_wav(path, wave.mean(axis=1) / peak, rate)


def _write_notes(folder: Path, package: Path, sources: dict[str, str]) -> dict[str, list[str]]:
    """Write classes.csv and the licence note; return the stems by class."""
    missing = [stem for stem in _STEMS if stem not in sources or not (folder / f"{stem}.wav").is_file()]
    if missing:
        text = f"{package} lacks {len(missing)} of {len(_STEMS)} cut-outs ({missing[0]}); pass a {PACKAGE} .deb"
        raise UserError(text)
    classes: dict[str, list[str]] = {}
    with (folder / CLASS_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "class", "licence", "source"))
        for stem in sorted(sources):
            category = _SHARED.get(stem, stem)
            classes.setdefault(category, []).append(stem)
            writer.writerow((stem, category, _LICENCE, f"{package.name}:{sources[stem]}"))
    note = f"Images and sounds from {package.name}, {_LICENCE}, Bill Kendrick and contributors. Do not commit them.\n"
    (folder / "LICENCE.txt").write_text(note, encoding="utf-8")
    return classes
