"""Deep active-learning experiments on image classification."""

from alrun.system import early, moved

__version__ = "0.2.0"

if early.is_program():
    early.begin()
moved.tell()
