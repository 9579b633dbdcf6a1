"""The header Retry-After in the forms of RFC 9110, and in those that no server should send."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from evalkit.web.retry_after import wait_seconds


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("7", 7.0), (" 2.5 ", 2.5), ("1000000000000", 1e12), ("9" * 400, 1e12)]
    + [("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0)]
    + [(said, None) for said in ("", "soon", "-1", "nan", "inf", "1e9", "1_0", "٣", ",", "1" * 5000 + "x")]
    + [(said, None) for said in ("Wed, 99 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 99999 07:28:00 GMT")],
)
def test_what_a_server_says_is_read_in_seconds(retry_after: str, seconds: float | None) -> None:
    assert wait_seconds(retry_after) == seconds


def test_a_date_is_as_far_as_it_is_from_now() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    assert wait_seconds(later) == pytest.approx(7_200, abs=60)
