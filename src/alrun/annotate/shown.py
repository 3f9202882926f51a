"""What people see of an example on the page of ``alrun label``: an image, or a text."""

from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from PIL import Image, ImageOps

from alrun.annotate.project import noun_of
from alrun.data.growing_pool import images_of
from alrun.data.image_decoding import any_size, eight_bits, formats, on_white
from alrun.data.manifest import Manifest
from alrun.data.unlabeled_texts import beginning, texts_of

LARGE, SMALL = 1024, 256  # pixels of the longer side of what is sent
LETTERS = 160  # of the beginning of a text that stands for it in a list


class Shown(Protocol):
    """How the examples of a pool are shown; ``kind`` is image or text."""

    kind: str

    def names(self, pool: Manifest) -> list[str]:
        """What each example is called."""
        ...

    def content(self, pool: Manifest, index: int, is_small: bool) -> tuple[str, bytes]:
        """Type and bytes of an example."""
        ...


def shown_of(dataset: Any) -> Shown:
    """How the pool of a project with these settings of its data set is shown."""
    if noun_of(dataset) == "text":
        return Texts()
    return Images(Path(dataset.path), dataset.size, dataset.channels)


class Images:
    """Images in ``folder``, which are trained on with ``size`` pixels a side and so many ``channels``."""

    kind = "image"

    def __init__(self, folder: Path, size: int, channels: int) -> None:
        self.folder, self.size, self.channels = folder, size, channels

    def names(self, pool: Manifest) -> list[str]:
        """Paths below the folder."""
        return pool.files

    def content(self, pool: Manifest, index: int, is_small: bool) -> tuple[str, bytes]:
        """An image, decoded here and encoded anew; where its file is gone or damaged, as it is trained on."""
        side = SMALL if is_small else LARGE
        try:
            with any_size(), Image.open(self.folder / pool.files[index], formats=formats()) as opened:
                opened.draft(None, (side, side))
                shown = on_white(ImageOps.exif_transpose(eight_bits(opened))).convert("RGB")
                shown.thumbnail((side, side))
        except Exception:  # damaged bytes may raise anything
            pixels = images_of(pool, self.size, self.channels, memory_map=True)[index]
            squeezed = pixels.transpose(1, 2, 0).squeeze()
            shown = Image.fromarray(squeezed).convert("RGB").resize((SMALL, SMALL), Image.Resampling.NEAREST)
        buffer = BytesIO()
        shown.save(buffer, "JPEG", quality=90)
        return "image/jpeg", buffer.getvalue()


class Texts:
    """Texts, which the project keeps."""

    kind = "text"

    def names(self, pool: Manifest) -> list[str]:
        """How each begins."""
        return [beginning(text, LETTERS) for text in texts_of(pool)]

    def content(self, pool: Manifest, index: int, is_small: bool) -> tuple[str, bytes]:
        """A text, whole."""
        return "text/plain", texts_of(pool)[index].encode()
