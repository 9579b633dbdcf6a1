"""How many tokens a text has for a tokenizer that is not here: about, and at most."""

import math
from unicodedata import normalize

BYTES_PER_TOKEN = 3  # fewer than English has and about what Chinese has, so that batches rather stay too small
ADDED_TOKENS = 16  # special tokens, and the instruction that a vendor may put before a text (Voyage's: nine words)


def estimated_tokens(text: str) -> int:
    """About how many tokens ``text`` has. No bound: code, emoji and rare scripts have more."""
    return 1 + math.ceil(size_in_bytes(text) / BYTES_PER_TOKEN)


def most_tokens(text: str) -> int:
    """At most how many tokens ``text`` has, added ones included, whatever the vocabulary.

    No token is shorter than a byte where bytes are the smallest units (byte-level BPE, byte fallback), and none shorter
    than a character elsewhere. Tokenizers may normalize first: one ligature becomes 33 bytes under NFKC, and a letter
    with marks several characters under NFD.
    """
    if text.isascii():
        return len(text) + ADDED_TOKENS
    forms = (size_in_bytes(text), size_in_bytes(normalize("NFKC", text)), len(normalize("NFKD", text)))
    return max(forms) + ADDED_TOKENS


def size_in_bytes(text: str) -> int:
    """Bytes as UTF-8; half a surrogate pair, which UTF-8 can't write, counts as three."""
    return len(text.encode("utf-8", "surrogatepass"))
