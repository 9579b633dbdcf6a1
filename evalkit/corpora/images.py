"""Images as documents, for models that put images and texts into one space."""

import hashlib
from pathlib import Path
from typing import Any

from evalkit.corpora.files.opening import opened_file
from evalkit.errors import UserError


class Image(str):
    """An image in the place of a text. As a string it is the sha256 of its bytes.

    So what tells texts apart tells images apart: a file that moved is the same document, one that changed is another.
    """

    file: Path

    def __new__(cls, file: Path, where: str) -> "Image":
        """Raises UserError, which says ``where`` the image is named, for a file that is no image."""
        import PIL.Image

        try:
            with opened_file(file) as opened:
                with PIL.Image.open(opened):
                    opened.seek(0)
                made = super().__new__(cls, f"image sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}")
        except UserError as error:
            raise UserError(f"{where}: {error.problem}", error.hint) from None
        except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
            reason = "does not exist" if isinstance(error, FileNotFoundError) else "is no image that can be read"
            raise UserError(f"{where}: {file} {reason}.") from None
        made.file = file
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process, which does not read the file until its pixels are asked for."""
        return restored, (str(self), self.file)

    def pixels(self) -> Any:
        """The whole image in RGB, as Pillow's. Raises UserError where the file is damaged."""
        import PIL.Image

        try:
            with opened_file(self.file) as file, PIL.Image.open(file) as image:
                return image.convert("RGB")
        except (OSError, SyntaxError, PIL.Image.DecompressionBombError) as error:
            raise UserError(f"{self.file} is no image that can be read: {error}.") from None


def restored(sha256: str, file: Path) -> Image:
    """An image that another process has looked at."""
    image = str.__new__(Image, sha256)
    image.file = file
    return image
