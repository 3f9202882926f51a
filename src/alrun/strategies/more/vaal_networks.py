"""The networks of VAAL: a variational autoencoder of images, and a discriminator of its codes."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Vae(nn.Module):
    """Convolutions of stride 2 down to a few pixels, Gaussian codes, and transposed convolutions back up.

    Source: Kingma and Welling 2014; layers as in Sinha et al. 2019, with ``width`` channels in the first one.
    """

    def __init__(self, channels: int, image_size: tuple[int, int], width: int, latent: int) -> None:
        super().__init__()
        self.image_size = image_size
        halvings = max(1, int(math.log2(min(image_size) / 4)))
        widths = [min(width * 2**level, 8 * width) for level in range(halvings)]
        self.corner = (widths[-1], *(size // 2**halvings for size in image_size))
        flat = math.prod(self.corner)
        down = [layer for a, b in zip([channels, *widths], widths, strict=False) for layer in halving(a, b)]
        up = [layer for a, b in zip(widths[::-1], widths[-2::-1], strict=False) for layer in doubling(a, b)]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, 2 * latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, flat),
            nn.Unflatten(1, self.corner),
            *up,
            nn.ConvTranspose2d(widths[0], channels, 4, 2, padding=1),
        )

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the codes: (B, latent) each."""
        crop = [size * 2 ** int(math.log2(self.image_size[i] // size)) for i, size in enumerate(self.corner[1:])]
        mean, log_variance = self.encoder(images[:, :, : crop[0], : crop[1]]).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, C, H, W) to their reconstruction, and mean and log variance of their codes."""
        mean, log_variance = self.encode(images)
        code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        made = self.decoder(code)
        if made.shape[2:] != images.shape[2:]:
            made = F.interpolate(made, images.shape[2:])
        return made, mean, log_variance


def halving(inputs: int, outputs: int) -> list[nn.Module]:
    """Convolution of stride 2, batch norm, ReLU."""
    return [nn.Conv2d(inputs, outputs, 4, 2, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def doubling(inputs: int, outputs: int) -> list[nn.Module]:
    """Transposed convolution of stride 2, batch norm, ReLU."""
    return [nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


class Discriminator(nn.Sequential):
    """Two hidden layers of 512; its output is high for codes of labeled images."""

    def __init__(self, latent: int) -> None:
        super().__init__(nn.Linear(latent, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 1))
