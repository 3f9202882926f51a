"""``encoder=``: networks that make vectors of images or texts; each states all that its vectors depend on."""

import os
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn

from alrun.features.encoder import Encoder, Network, Precision, as_json, code_of, files_at, form_of, hash_of, version_of
from alrun.features.preprocessing import Preprocessing, of_settings
from alrun.features.provenance import of_tag, of_torchvision
from alrun.features.weights import load
from alrun.models.classifier import Headed
from alrun.system.errors import UserError, first_line


class Torchvision(Network):
    """A network of torchvision before its last linear layer, with the transforms that its weights state.

    Args:
        name: ``resnet50``, for example; torchvision.models.list_models() lists them.
        weights: ``DEFAULT`` (the library's best, downloaded on first use) or a file with a state dict.
        precision: As in Encoder.
        trained_on: As in Encoder; None: ImageNet-1k for the library's weights, with Instagram for those of SWAG; not
            known for a file.
    """

    def __init__(
        self, name: str, weights: str = "DEFAULT", precision: Precision = "float32", trained_on: str | None = None
    ) -> None:
        super().__init__(precision, trained_on or (of_torchvision(name) if weights == "DEFAULT" else None))
        self.network = name
        self.weights = weights

    @property
    def name(self) -> str:
        """That of the network."""
        return self.network

    def key(self) -> dict[str, Any]:
        """The library's version, the network's name and the file of its weights."""
        return {
            "library": version_of("torchvision"),
            "name": self.network,
            **files_at(self.weights),
            "to": self.precision,
        }

    def make(self) -> tuple[nn.Module, Preprocessing]:
        """From the library, with its weights or those of a file."""
        from alrun.system.torchvision_import import torchvision

        models = torchvision.models
        if self.network not in models.list_models(module=models):
            raise UserError(
                f"{self.setting}.name={self.network}: torchvision has no such network for images; "
                "torchvision.models.list_models() lists them."
            )
        stated = models.get_model_weights(self.network)["DEFAULT"]
        if self.weights != "DEFAULT":
            network = Headed(models.get_model(self.network, weights=None), classes=1, channels=3)
            load(network.network, self.weights, self.setting)
        else:
            try:
                network = Headed(models.get_model(self.network, weights=stated), classes=1, channels=3)
            except OSError as error:
                file = f"{torch.hub.get_dir()}/checkpoints/{stated.url.rpartition('/')[2]}"
                raise UserError(
                    f"{self.setting}.name={self.network}: its weights cannot be downloaded ({first_line(error)}): put "
                    f"{stated.url} at {file}, or name a file of weights by {self.setting}.weights=..."
                ) from error
        transforms = stated.transforms()
        return network.network, Preprocessing(
            (transforms.crop_size[0], transforms.crop_size[0]),
            transforms.resize_size[0],
            transforms.interpolation.value,
            tuple(transforms.mean),
            tuple(transforms.std),
        )


class Timm(Network):
    """A network of timm without its classifier, with the preprocessing that its configuration states.

    Args:
        name: ``vit_small_patch14_dinov2.lvd142m``, for example; timm.list_pretrained() lists them.
        weights: ``DEFAULT`` (the library's, downloaded on first use) or a file with a state dict.
        precision: As in Encoder.
        trained_on: As in Encoder; None: what the tag in the name says.
    """

    def __init__(
        self, name: str, weights: str = "DEFAULT", precision: Precision = "float32", trained_on: str | None = None
    ) -> None:
        super().__init__(precision, trained_on or (of_tag(name) if weights == "DEFAULT" else None))
        self.network = name
        self.weights = weights

    @property
    def name(self) -> str:
        """That of the network."""
        return self.network

    def key(self) -> dict[str, Any]:
        """The library's version, the network's name and the file of its weights."""
        return {"library": version_of("timm"), "name": self.network, **files_at(self.weights), "to": self.precision}

    def make(self) -> tuple[nn.Module, Preprocessing]:
        """From the library, with its weights or those of a file."""
        from alrun.system import torchvision_import  # noqa: F401 - timm imports torchvision

        try:
            import timm  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise UserError(
                f"{self.setting}: timm's networks need the timm package: pip install 'alrun[features]'."
            ) from None
        if not timm.is_model(self.network):  # hf-hub:... and local-dir:... would load anybody's weights, by pickle
            raise UserError(
                f"{self.setting}.name={self.network}: timm has no such network; timm.list_models() lists them."
            )
        pretrained = self.weights == "DEFAULT"
        try:
            network = timm.create_model(self.network, pretrained=pretrained, num_classes=0)
        except Exception as error:  # of several libraries: no connection, no weights of that name
            raise UserError(
                f"{self.setting}.name={self.network}: its weights cannot be had ({first_line(error)}): put "
                f"{source_of(timm, self.network)} on this machine and name it by {self.setting}.weights=...; or name a "
                "network of timm.list_pretrained()."
            ) from error
        if not pretrained:
            load(network, self.weights, self.setting)
        stated = timm.data.resolve_model_data_config(network)
        size = tuple(stated["input_size"][1:])
        # As timm's own transform for evaluation: the shorter side, unless the whole image is to be seen.
        resize = None if stated["crop_mode"] == "squash" else int(min(size) / stated["crop_pct"])
        return network, Preprocessing(
            size, resize, stated["interpolation"], tuple(stated["mean"]), tuple(stated["std"])
        )


class Module(Network):
    """A torch.nn.Module of the user's own: images (b, 3, size, size), normalized, to vectors (b, d).

    Args:
        network: It, with its weights.
        size: Pixels of the square that it sees.
        crop: Share of the resized image that is cut out of its center; 1: all of its shorter side.
        interpolation: ``nearest``, ``bilinear`` or ``bicubic``.
        mean: Of the channels, on the scale 0 to 1.
        std: Their spread.
        precision: As in Encoder.
        trained_on: As in Encoder.
    """

    def __init__(
        self,
        network: nn.Module,
        size: Annotated[int, Ge(1)] = 224,
        crop: Annotated[float, Gt(0), Le(1)] = 1.0,
        interpolation: Literal["nearest", "bilinear", "bicubic"] = "bicubic",
        mean: list[float] | None = None,
        std: list[float] | None = None,
        precision: Precision = "float32",
        trained_on: str | None = None,
    ) -> None:
        super().__init__(precision, trained_on)
        self.own = network
        self.form = form_of(network)  # as it was given: a pass may change what its parts hold
        self.preprocessing = of_settings(
            size, crop, interpolation, mean or [0.485, 0.456, 0.406], std or [0.229, 0.224, 0.225]
        )

    @property
    def name(self) -> str:
        """That of its class."""
        return type(self.own).__name__

    def stated(self) -> dict[str, Any]:
        """As of any network, and what its weights do not tell: its form, and the user's files that define it."""
        return {**super().stated(), "form": self.form, **code_of(self.own)}

    def make(self) -> tuple[nn.Module, Preprocessing]:
        """As it was given."""
        return self.own, self.preprocessing


class SentenceTransformers(Encoder):
    """A model of sentence-transformers, for texts.

    Args:
        name: Of a model on its hub, downloaded on first use, or a folder that holds one.
        path: That folder; then the name of a run follows its content.
        precision: As in Encoder.
        trained_on: As in Encoder.
    """

    takes = "texts"
    batch: ClassVar[dict[str, int]] = {"cpu": 64, "cuda": 512}

    def __init__(
        self,
        name: str | None = None,
        path: str | None = None,
        precision: Precision = "float32",
        trained_on: str | None = None,
    ) -> None:
        super().__init__(precision, trained_on)
        if (name is None) == (path is None):
            raise UserError("encoder: give either encoder.name, of a model on the hub, or encoder.path, of a folder.")
        self.source = str(name or path)
        self._model: Any = None

    @property
    def name(self) -> str:
        """The last part of its name or path."""
        return self.source.rstrip("/").rpartition("/")[2]

    def key(self) -> dict[str, Any]:
        """The library's version, and the name or the files of the model."""
        return {"library": version_of("sentence-transformers"), **files_at(self.source), "to": self.precision}

    @property
    def model(self) -> Any:
        """The library's, once.

        Raises:
            UserError: The library or the model cannot be had.
        """
        if self._model is None:
            from alrun.system import torchvision_import  # noqa: F401 - transformers imports torchvision

            try:
                from sentence_transformers import (  # pyright: ignore[reportMissingImports]
                    SentenceTransformer,
                )
            except ImportError:
                raise UserError(
                    f"{self.setting}: sentence-transformers is not installed: pip install 'alrun[text]'."
                ) from None
            is_cut_off = not os.path.exists(self.source) and not answers(self.source)
            try:
                self._model = SentenceTransformer(self.source, device="cpu", local_files_only=is_cut_off).eval()
            except Exception as error:  # of several libraries: no connection, no such model, a damaged folder
                raise UserError(
                    f"{self.setting}: the model {self.source} cannot be had ({first_line(error)}): put the folder of "
                    "the model (config.json, modules.json, weights) on this machine and name it by "
                    f"{self.setting}.path=..."
                ) from error
        return self._model

    def stated(self) -> dict[str, Any]:
        """The hash of its weights, its form (pooling, normalization), its length of text, prompts and the precision."""
        model = self.model
        told = ("max_seq_length", "prompts", "default_prompt_name", "truncate_dim")
        return {
            "network": self.name,
            "weights": hash_of(model),
            "form": form_of(model),
            "preprocessing": {name: as_json(getattr(model, name, None)) for name in told},
            "precision": self.precision,
        }

    def encode(self, examples: np.ndarray, device: torch.device) -> Tensor:
        """By the library's own pass."""
        return self.model.encode(
            [str(each) for each in examples],
            batch_size=max(1, len(examples)),
            convert_to_tensor=True,
            show_progress_bar=False,
            device=str(device),
        )


def answers(name: str) -> bool:
    """Whether the hub of sentence-transformers answers to the name of a model, asked once.

    The library itself asks for each of many files six times, for more than a minute, before it looks at what is cached.
    """
    from huggingface_hub import HfApi, constants  # pyright: ignore[reportMissingImports]
    from huggingface_hub.utils import HfHubHTTPError  # pyright: ignore[reportMissingImports]

    try:
        HfApi().model_info(name, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except HfHubHTTPError:  # an answer: what is wrong is said when the model is loaded
        return True
    except Exception:  # of whatever library sends it; no connection, or none is wanted
        return False
    return True


def source_of(timm: Any, name: str) -> str:
    """Where timm would have the weights from."""
    stated = timm.get_pretrained_cfg(name)
    hub, url = getattr(stated, "hf_hub_id", None), getattr(stated, "url", None)
    return str(url or (f"https://huggingface.co/{hub}" if hub else "a file of its weights"))
