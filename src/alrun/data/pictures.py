"""Pictures of any kind and size, as bytes of one size."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from alrun.errors import UserError

MOST_PIXELS = 180_000_000  # that are decoded of one picture: half a gigabyte; of a JPEG file a part may do
SHARPER = 2  # times the wanted size is what a JPEG file is decoded to at least, before it is resized


@contextmanager
def any_size() -> Iterator[None]:
    """Pillow without its own limits: it judges a picture by its full size, also where an eighth of it is decoded."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def pixels(name: str, content: bytes | None, size: int, channels: int) -> np.ndarray:
    """A picture as uint8 (channels, size, size): its shorter side is resized to ``size`` and the centre is cut out.

    It is turned upright as its camera notes, values of 16 bits are scaled to 8, and what is transparent becomes white.

    Args:
        name: Of the file, or of what holds ``content``.
        content: The file's bytes; None: they are read from the file ``name``.
        size: Of the result.
        channels: 1 for grey, 3 for colour.

    Raises:
        UserError: It cannot be read, or would fill the memory.
    """
    try:
        with Image.open(name if content is None else io.BytesIO(content)) as picture:
            picture.draft(None, (SHARPER * size, SHARPER * size))  # JPEG alone: decodes 1/2, 1/4 or 1/8 of each side
            if picture.width * picture.height > MOST_PIXELS:
                raise ValueError(f"{picture.width} x {picture.height} pixels would fill the memory: store it smaller")
            fitted = ImageOps.exif_transpose(ImageOps.fit(eight_bits(picture), (size, size)))
            fitted = on_white(fitted).convert("L" if channels == 1 else "RGB")
    # Pillow raises whatever damaged bytes lead it to.
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, TypeError) as error:
        reason = "is no readable image" if isinstance(error, UnidentifiedImageError) else f"cannot be read ({error})"
        raise UserError(f"dataset: {name} {reason}; mend or remove it.") from error
    return np.asarray(fitted).reshape(size, size, channels).transpose(2, 0, 1)


def eight_bits(picture: Image.Image) -> Image.Image:
    """The picture with 8 bits a channel and no palette, so that it can be resized."""
    if picture.mode.startswith("I"):  # 16 bits; converted as they are, all but the darkest would be white
        values = np.asarray(picture)
        if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 65535:
            raise ValueError("its values do not fit 16 bits")
        return Image.fromarray((values // 257).astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("its values are fractions of an unknown range")
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode == "P":
        return picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    return picture


def on_white(picture: Image.Image) -> Image.Image:
    """The picture without transparency."""
    if picture.mode not in ("RGBA", "LA", "PA", "RGBa", "La"):
        return picture
    shown = picture.convert("RGBA")
    white = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(white, shown)
