"""Units of settings."""

from typing import Annotated

from annotated_types import Ge
from pydantic import AllowInfNan

MEGABYTE = 2**20
# Memory that may be used; ``.inf`` is all there is.
Megabytes = Annotated[float, Ge(0), AllowInfNan(True)]
