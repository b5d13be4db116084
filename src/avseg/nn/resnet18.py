"""ResNet-18 whose last stage keeps its size: the encoder of images and spectrograms in LVS and MSSL."""

from torch import Tensor, nn

from avseg.nn.pretrained import create_encoder

IMAGENET = "resnet18.tv_in1k"  # torchvision's, from which the authors begin


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where size or channels change."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or channels_in != channels:
            shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, channels_in, h, w) to (B, channels, h / stride, w / stride)."""
        hidden = self.relu(self.bn1(self.conv1(features)))
        output: Tensor = self.relu(self.bn2(self.conv2(hidden)) + self.downsample(features))
        return output


class ResNet18(nn.Module):
    """ResNet-18 with output stride 16 and without pooling and classifier; the features are never negative.

    Args:
        channels_in: 3 for images, 1 for spectrograms.
        width: channels of the first stage; the last has eight times as many, `channels`.
    """

    def __init__(self, channels_in: int = 3, width: int = 64) -> None:
        super().__init__()
        self.channels = 8 * width
        self.conv1 = nn.Conv2d(channels_in, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(width, width, 1)
        self.layer2 = _stage(width, 2 * width, 2)
        self.layer3 = _stage(2 * width, 4 * width, 2)
        self.layer4 = _stage(4 * width, 8 * width, 1)  # 2 in a ResNet-18
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Encode images (B, channels_in, H, W) as a map (B, channels, H / 16, W / 16)."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))  # (B, width, H / 4, W / 4)
        output: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        return output

    def load_imagenet(self, weights: bool | str) -> None:
        """Load ImageNet weights: True for torchvision's from timm's hub, or the path of a file.

        Raises:
            UserError: weights that are not available or do not fit.
        """
        encoder = create_encoder(IMAGENET if weights is True else "resnet18", weights)
        self.load_state_dict(encoder.state_dict())


def _stage(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(channels_in, channels, stride), BasicBlock(channels, channels, 1))
