"""How small a difference so many queries can show, and how many would show a smaller one."""

import math
from bisect import bisect_left
from dataclasses import dataclass, replace

POWER_QUANTILE = 0.8416  # of the normal distribution, at a power of 80 %
TWO_SETTINGS = 1.96  # the statistic that two settings must reach at an alpha of 5 %
MOST = 10**9
TYPICAL_SPREAD = 0.2  # standard deviation of a query's difference in nDCG@10 between two settings; docs/report.md
FEW_QUERIES = 50  # independent ones; below, what they can show is said first


@dataclass(frozen=True)
class Resolution:
    """What a test of a difference can see, from its normal approximation.

    ``queries`` are independent ones (clusters, where queries depend on each other), ``spread`` the standard deviation
    of one query's difference between two settings, in units of the measure, ``critical`` what |Σ d| / √Σ d² must reach.
    """

    queries: int
    spread: float
    critical: float = TWO_SETTINGS

    def smallest_shown(self) -> float | None:
        """The true difference that is shown in 80 % of samples; null where so few queries show none, however large.

        |Σ d| / √Σ d² reaches c where Student's t reaches c √((n - 1) / (n - c²)); its power is that of a noncentral t,
        by the normal approximation with its first two moments.
        """
        if not math.isfinite(self.critical) or self.queries <= max(self.critical**2, 1):
            return None
        freedom = self.queries - 1
        needed = self.critical * math.sqrt(freedom / (self.queries - self.critical**2))
        center = needed * (1 - 1 / (4 * freedom)) + POWER_QUANTILE * math.sqrt(1 + needed**2 / (2 * freedom))
        return self.spread / math.sqrt(self.queries) * center

    def queries_for(self, difference: float) -> int:
        """So many independent queries show ``difference`` in 80 % of samples; at most a thousand millions."""

        def is_shown(queries: int) -> bool:
            smallest = replace(self, queries=queries, critical=critical).smallest_shown()
            return smallest is not None and smallest <= difference

        critical = self.critical if math.isfinite(self.critical) else TWO_SETTINGS
        return bisect_left(range(MOST), True, key=is_shown)
