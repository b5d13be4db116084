"""Class labels of MSSL: the category of a clip (S4), or what the heads of an S4 run predict (MS3)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from avseg.models.mssl.network import MSSL
from avseg.models.mssl.weights import load_official
from avseg.utils.errors import UserError
from avseg.utils.weights_file import read_state_dict

_NETWORK = "net."  # prefix of the network in a checkpoint


def category_labels(categories: Sequence[str], known: Sequence[str], device: torch.device | str) -> Tensor:
    """Code the categories of N clips as (N, K), 1 at the category's position in `known`.

    Raises:
        UserError: a category that is not known.
    """
    positions = {name: position for position, name in enumerate(known)}
    for category in categories:
        if category not in positions:
            raise UserError(
                f"model.categories lacks the category '{category}' of the data; it has {', '.join(known)}; "
                "set it to the categories of the data set, or model.labels_from to a run that predicts them"
            )
    index = torch.tensor([positions[category] for category in categories], device=device)
    return torch.nn.functional.one_hot(index, len(known)).float()


class PredictedLabels:
    """Soft labels from the class heads of another network, divided by their maximum."""

    def __init__(self, network: MSSL) -> None:
        self.network = network.eval().requires_grad_(False)

    @classmethod
    def read(cls, file: Path, num_classes: int, width: int) -> "PredictedLabels":
        """Read a checkpoint of an MSSL run, or a file of the authors' code.

        Raises:
            UserError: the file does not exist, or is of another width or number of classes.
        """
        network = MSSL(num_classes, width)
        weights = read_state_dict(file)
        network_weights = {
            name.removeprefix(_NETWORK): value for name, value in weights.items() if name.startswith(_NETWORK)
        }
        try:
            if network_weights:
                network.load_state_dict(network_weights)
            else:
                load_official(network, weights)
        except (RuntimeError, UserError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise UserError(
                f"model.labels_from={file}: not an MSSL of {num_classes} classes and width {width} ({reason}); "
                "give the checkpoint of an S4 run with the same options"
            ) from error
        return cls(network)

    @torch.no_grad()
    def __call__(self, images: Tensor, sounds: Tensor) -> tuple[Tensor, Tensor]:
        """Predict labels (N, K) of sounds and images, as inputs of the network."""
        network = self.network.to(images.device)
        sound = network.classify_audio(network.audio_encoder(sounds)).sigmoid()
        image = network.classify_image(network.image_encoder(images)).sigmoid()
        return sound / sound.amax(1, keepdim=True), image / image.amax(1, keepdim=True)
