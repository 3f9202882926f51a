"""Deep active-learning experiments on image classification."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alrun.system import early, moved

if TYPE_CHECKING:  # what EXPORTS names, for type checkers: nothing here imports torch
    from alrun.data.augmentation import Augmentation
    from alrun.data.dataset import ImageData
    from alrun.models.classifier import Classifier
    from alrun.strategies.base import Needs, Outputs, Query, ScoreStrategy, Strategy
    from alrun.strategies.embeddings import Embeddings
    from alrun.system.errors import UserError, at_least
    from alrun.testing.contract import problems
    from alrun.testing.made_queries import make_query, query_about

__all__ = [
    "Augmentation",
    "Classifier",
    "Embeddings",
    "ImageData",
    "Needs",
    "Outputs",
    "Query",
    "ScoreStrategy",
    "Strategy",
    "UserError",
    "__version__",
    "at_least",
    "make_query",
    "problems",
    "query_about",
]
__version__ = "0.2.0"

EXPORTS = {  # what code of one's own needs, and where it is defined; imported when it is asked for
    "Augmentation": "data.augmentation",
    "Classifier": "models.classifier",
    "Embeddings": "strategies.embeddings",
    "ImageData": "data.dataset",
    "Needs": "models.outputs",
    "Outputs": "models.outputs",
    "Query": "strategies.query",
    "ScoreStrategy": "strategies.base",
    "Strategy": "strategies.base",
    "UserError": "system.errors",
    "at_least": "system.errors",
    "make_query": "testing.made_queries",
    "problems": "testing.contract",
    "query_about": "testing.made_queries",
}


def __getattr__(name: str) -> Any:
    if name not in EXPORTS:
        raise AttributeError(f"module 'alrun' has no attribute {name!r}")
    return getattr(import_module(f"alrun.{EXPORTS[name]}"), name)


if early.is_program():
    early.install_early_handlers()
moved.announce_new_names()
