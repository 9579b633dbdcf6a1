"""Which names sound as if a secret stood behind them: their values are written nowhere."""

import re

REMOVED = "<removed>"  # what is written in their place
SOUNDS_SECRET = re.compile(
    r"api_?key|secret|password|passwd|credential|(?:access|auth|api|hf)_?token|authorization|bearer|^(?:key|token|auth)$",
    re.IGNORECASE,
)


def sounds_secret(name: str) -> bool:
    return SOUNDS_SECRET.search(name) is not None
