"""How long a server asks to wait before it is asked again."""

import time
from email.utils import parsedate_to_datetime


def wait_seconds(retry_after: str) -> float | None:
    """What the header Retry-After says: seconds, or a date (RFC 9110, section 10.2.3); null for what is neither."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
