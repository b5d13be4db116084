"""VGGish, the frozen audio encoder (Hershey et al., "CNN Architectures for Large-Scale Audio Classification", 2017)."""

from torch import Tensor, nn

PLAN = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool")


class VGGish(nn.Module):
    """Turns each log-mel patch into a 128-d embedding; always frozen and in eval mode.

    The names of the parameters are those of the public weights (`features.0.weight`, ..., `embeddings.4.bias`).
    The embedding is taken after the last ReLU; there is no PCA post-processing.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for step in PLAN:
            if isinstance(step, int):
                layers += [nn.Conv2d(channels, step, 3, padding=1), nn.ReLU()]
                channels = step
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 6 * 4, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128), nn.ReLU()
        )
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> "VGGish":
        """Stays in eval mode, whatever is asked."""
        return super().train(False)

    def forward(self, patches: Tensor) -> Tensor:
        """Embeds log-mel patches (B, T, 1, 96, 64) into (B, T, 128)."""
        maps = self.features(patches.flatten(0, 1))
        # the weights come from TensorFlow, which flattens rows, columns, channels
        embeddings: Tensor = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
        return embeddings.view(*patches.shape[:2], -1)
