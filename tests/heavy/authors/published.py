"""Published packages that alrun is compared with; `make compare-authors` makes an environment that has them."""

import importlib
import warnings
from types import ModuleType

import pytest


def foreign(name: str) -> ModuleType:
    """The package ``name``, or a skip; what it warns of is no concern of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{error}: run make compare-authors, which installs what this is compared with")
