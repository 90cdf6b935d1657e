from __future__ import annotations

import os

from hypothesis import settings

# A busy machine makes examples slow, not wrong. What is checked before a merge does not depend on luck.
settings.register_profile("cumulo", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("cumulo")
