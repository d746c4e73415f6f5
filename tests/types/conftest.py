"""Fixtures of the types' tests. `tests/run types` runs them inside an enclosure."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))

from bed.fixtures import *  # noqa: E402, F401, F403  (needs the path above)
