"""Settings that earlier versions had under another name, and what to write today."""

import re
from collections.abc import Sequence

from evalkit.errors import UserError

MOVED = {
    r"model\.fuse=(?P<value>\w+)": "stages={value}",
    r"model=hybrid": "stages=bm25",
    r"reranker=none": "stages=[]",
    r"reranker=(?P<value>[\w-]+)": "stages={value}",
    r"reranker\.(?P<key>\w+)=(?P<value>.*)": "stages.<stage>.{key}={value}",
    r"reranker(?P<value>.*)": "stages=<stage>",
}


def check_moved(overrides: Sequence[str]) -> None:
    """Raises UserError for the first of ``overrides`` that is written as it was."""
    for override in overrides:
        for old, new in MOVED.items():
            if match := re.fullmatch(old, override.lstrip("+~")):
                hint = f"Write {new.format(**match.groupdict())} (docs/models.md)."
                raise UserError(f"'{override}' is no setting any more.", hint)
