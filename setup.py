"""What pyproject.toml cannot say: a build/ folder of an earlier build puts no deleted module into a wheel."""

import shutil

from setuptools import setup

shutil.rmtree("build/lib", ignore_errors=True)
setup()
