"""Files that are whole or not there: written under another name, then renamed."""

from pathlib import Path


def write_text(file: Path, text: str) -> None:
    """Put ``text`` (UTF-8) into ``file`` at once: whoever reads sees the old content or all of the new."""
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
