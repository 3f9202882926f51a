"""Networks of other libraries as Classifiers."""

from alrun.models.classifier import Classifier, Headed
from alrun.system.errors import SettingError
from alrun.system.words import closest


def torchvision_model(channels: int, image_size: tuple[int, int], classes: int, name: str) -> Classifier:
    """A classification network of torchvision with random weights; gray images are repeated to three channels."""
    from alrun.system.torchvision_import import torchvision

    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise SettingError(f"model.name={name}: torchvision has no such model; {closest(name, known)}")
    if channels not in (1, 3):
        raise SettingError(f"model=torchvision takes images of 1 or 3 channels, these have {channels}.")
    return Headed(torchvision.models.get_model(name, weights=None), classes, channels=3)


def timm_model(channels: int, image_size: tuple[int, int], classes: int, name: str) -> Classifier:
    """A network of timm with random weights."""
    try:
        import timm  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise SettingError("model=timm needs the timm package: pip install 'alrun[timm]'.") from None
    if not timm.is_model(name):
        raise SettingError(f"model.name={name}: timm has no such model; timm.list_models() lists them.")
    return Headed(timm.create_model(name, pretrained=False, in_chans=channels), classes, channels)
