"""Write tiny cut-outs with sounds for tests of `avseg.data.synthetic.composer` and `avseg data compose`."""

import numpy as np
import soundfile
from PIL import Image

RATE = 44100


def write_cutouts(folder, names=("bell", "drum", "flute", "horn")):
    """Write coloured ellipses and tones of 0.3 s."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        write_image(folder / f"{name}.png", i)
        soundfile.write(folder / f"{name}.{('wav', 'ogg', 'flac')[i % 3]}", tone(300 * (i + 1)), RATE)
    return folder


def tone(frequency, seconds=0.3):
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def write_image(path, colour_id=0):
    y, x = np.mgrid[-1:1:40j, -1:1:60j]
    sprite = np.zeros((40, 60, 4), np.uint8)
    sprite[..., :3] = [(250, 40, 40), (40, 250, 40), (40, 40, 250), (240, 240, 40)][colour_id % 4]
    sprite[..., 3] = np.where(x**2 + y**2 < 0.6, 255, 0)
    Image.fromarray(sprite).save(path)
