"""VGGish, the frozen audio encoder (Hershey et al., "CNN Architectures for Large-Scale Audio Classification", 2017)."""

from torch import Tensor, nn

PLAN = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool")


class VGGish(nn.Module):
    """Embeds each log-mel patch into 128 numbers; always frozen and in eval mode.

    The parameters have the names of the public weights (`features.0.weight`, ..., `embeddings.4.bias`).
    The embedding is taken after the last ReLU, without PCA post-processing.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for width in PLAN:
            if isinstance(width, int):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 6 * 4, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128), nn.ReLU()
        )
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> "VGGish":
        """Keep the network in eval mode, for any `mode`."""
        return super().train(False)

    def forward(self, patches: Tensor) -> Tensor:
        """Embed log-mel patches (B, T, 1, 96, 64) into (B, T, 128)."""
        maps = self.features(patches.flatten(0, 1))  # (B*T, 512, 6, 4)
        # the weights come from TensorFlow, which flattens rows, columns, channels
        embeddings: Tensor = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))  # (B*T, 128)
        return embeddings.view(*patches.shape[:2], -1)
