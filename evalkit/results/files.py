"""Files that are whole or not there: written under another name, then renamed."""

import os
from pathlib import Path


def write_text(file: Path, text: str) -> None:
    """Put ``text`` (UTF-8) into ``file`` at once: whoever reads sees the old content or all of the new.

    Several processes may write one file; the last one stays. Where writing fails, nothing is left behind.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
