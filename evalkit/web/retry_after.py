"""How long a server asks to wait before it is asked again."""

import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime

FOREVER = 1e12  # seconds
SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


def wait_seconds(retry_after: str) -> float | None:
    """What the header Retry-After says: seconds, or a date (RFC 9110, section 10.2.3); null for what is neither."""
    if SECONDS.fullmatch(retry_after.strip()):
        return min(float(retry_after), FOREVER)
    try:
        date = parsedate_to_datetime(retry_after)
        in_utc = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, in_utc.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
