"""The frozen VGGish on every clip once, instead of in every step."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.controls import WithControls

EMBEDDING = 128


@dataclass(frozen=True)
class Embedder:
    """A frozen sound encoder.

    Attributes:
        encode: log-mel patches (B, T, 1, 96, 64) to embeddings (B, T, 128).
        weights: its fingerprint, see `weights_fingerprint`.
        seeds: the noise of these seeds is embedded too, for clips of "val" and "test" (`avseg.data.controls`).
    """

    encode: Callable[[Tensor], Tensor]
    weights: str
    seeds: tuple[int, ...] = ()

    def __call__(self, patches: Tensor) -> Tensor:
        """(T, 1, 96, 64) to (T, 128) float32, always as one batch of T, so that equal sounds have equal embeddings."""
        with torch.inference_mode():
            return self.encode(patches.unsqueeze(0))[0].float()


def weights_fingerprint(weights: Mapping[str, Tensor]) -> str:
    """16 hexadecimal digits that tell one set of weights from another, whatever file they came in."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()[:16]


class EmbeddedSounds:
    """The embeddings of each clip's own sound, and of the control sounds that no other clip has.

    Args:
        dataset: the clips.
        embedder: the encoder.
    """

    def __init__(self, dataset: AVSBenchDataset, embedder: Embedder) -> None:
        self._dataset, self._embedder = dataset, embedder
        # training clips carry no controls
        self._controls = {} if dataset.split == "train" else {s: WithControls(dataset, s) for s in embedder.seeds}
        self._silence: dict[int, Tensor] = {}  # by the number of seconds

    @property
    def seeds(self) -> list[int]:
        """The seeds whose noise is embedded."""
        return list(self._controls)

    @property
    def names(self) -> list[str]:
        """The arrays that each clip has a row in."""
        return ["embeddings", *(["silence"] if self._controls else []), *map(noise_array, self._controls)]

    def rows(self, index: int, patches: Tensor) -> dict[str, Tensor]:
        """The clip's row of each array, (1, T, 128).

        Args:
            index: of the clip.
            patches: its own (T, 1, 96, 64); the padding of AVSS is embedded like any other patch.
        """
        found = {"embeddings": self._embedder(patches)}
        for seed, controls in self._controls.items():
            seconds, sounds = self._dataset.seconds(index), controls.sounds(index, patches)
            if seconds not in self._silence:
                self._silence[seconds] = self._embedder(sounds["silence"])
            found |= {"silence": self._silence[seconds], noise_array(seed): self._embedder(sounds["noise"])}
        return {name: rows.unsqueeze(0) for name, rows in found.items()}


def noise_array(seed: int) -> str:
    """The name of the array with the noise of a seed."""
    return f"noise-{seed}"
