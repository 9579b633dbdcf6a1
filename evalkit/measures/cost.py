"""What a setting costs: embedding, storing and searching a workload, from what was measured and what things cost.

The formulas are explained in docs/cost.md, with an example by hand.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.config import MachinePrice, PricingConfig, WorkloadConfig

HOURS_PER_MONTH = 730.0
MS_PER_HOUR = 3_600_000.0
AUTO = "auto"
CPU, HOSTED = "cpu", "hosted"
NEEDS = {
    "cost_embed_once_usd": ("tokens_per_document", "tokens_per_second"),
    "cost_embed_month_usd": ("tokens_per_document", "tokens_per_second"),
    "cost_storage_month_usd": ("index_bytes_at_workload",),
    "cost_queries_month_usd": ("tokens_per_query", "encode_query_ms_mean", "search_ms_mean_at_workload"),
    "cost_month_usd": (
        "tokens_per_document",
        "tokens_per_second",
        "index_bytes_at_workload",
        "encode_query_ms_mean",
        "search_ms_mean_at_workload",
    ),
}
FIGURES = tuple(NEEDS)

Numbers = float | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tariff:
    """The prices that a model's figures are multiplied by.

    ``machine`` is the priced machine that the measuring one is taken for; ``usd_per_hour`` is NaN where none is like
    it. ``cores`` are the measuring machine's physical ones, ``ram_gb`` what a paid machine holds of the index for
    nothing. ``hosted`` names a model that is paid by the token, ``usd_per_million_tokens`` is NaN where no price is
    known.
    """

    machine: str
    usd_per_hour: float
    usd_per_gb_month: float
    cores: int
    ram_gb: float = 0.0
    hosted: str | None = None
    usd_per_million_tokens: float = float("nan")

    @property
    def priced_as(self) -> str:
        """What the embedding is paid as: a hosted model's tokens, or a machine's hours."""
        return self.hosted or self.machine


def tariff(pricing: PricingConfig, workload: WorkloadConfig, model: str, device: str, cpu: Mapping[str, Any]) -> Tariff:
    """The prices for figures of ``model`` that were measured on ``device`` of a machine with ``cpu`` (of provenance).

    The config names a machine and a kind of storage that it has prices for: ``config.check.check_cost`` sees to that.
    """
    cores = int(cpu["logical_cores"] or 1)
    key = nearest_machine(pricing, device, cores) if pricing.machine == AUTO else pricing.machine
    listed = MachinePrice(name="this machine", usd_per_hour=float("nan")) if key is None else pricing.machines[key]
    own_price, storage = pricing.usd_per_hour, pricing.storage[workload.storage]
    prices = {m.name: m.usd_per_million_tokens for m in pricing.models.values()}
    return Tariff(
        machine=listed.name,
        usd_per_hour=listed.usd_per_hour if own_price is None else own_price,
        usd_per_gb_month=storage.usd_per_gb_month,
        cores=int(cpu.get("physical_cores") or cores),
        ram_gb=(listed.ram_gb or 0.0) if storage.in_machines else 0.0,
        hosted=model if device == HOSTED else None,
        usd_per_million_tokens=prices.get(model, float("nan")) if device == HOSTED else float("nan"),
    )


def nearest_machine(pricing: PricingConfig, device: str, cores: int) -> str | None:
    """The key of the machine with that GPU, or for the CPU of the smallest with as many cores; null without any."""
    words = set(re.split(r"[^A-Za-z0-9]+", device))
    with_gpu = [key for key, machine in pricing.machines.items() if machine.gpu in words]
    if with_gpu or device not in (CPU, HOSTED):  # what a hosted model finds is searched on this machine
        return next(iter(with_gpu), None)
    of_cpu = {k: m.cores for k, m in pricing.machines.items() if m.gpu is None and m.cores and m.cores >= cores}
    return min(of_cpu, key=lambda key: of_cpu[key], default=None)


def costs(figures: Mapping[str, Any], workload: WorkloadConfig, prices: Tariff) -> dict[str, Any]:
    """The columns ``cost_…_usd``; NaN where a figure or price that they need is missing.

    ``figures`` are those of a point, or the columns of many points as arrays. A machine is paid by the share of its
    cores that are busy, all of it where that isn't known.
    """

    def figure(name: str) -> Numbers:
        value = figures.get(name)
        return np.asarray(np.nan if value is None else value, dtype=np.float64)

    tokens_per_document, tokens_per_query = (
        figure(name) if given is None else given
        for name, given in (
            ("tokens_per_document", workload.tokens_per_document),
            ("tokens_per_query", workload.tokens_per_query),
        )
    )
    tokens = workload.documents * tokens_per_document

    def share_of_machine(cores: Numbers) -> Numbers:
        return np.where(np.isnan(cores), 1.0, np.minimum(cores / prices.cores, 1.0))

    if prices.hosted is None:
        seconds = tokens / figure("tokens_per_second")
        if workload.tokens_per_document is None:  # a model that counts no tokens still has its speed on documents
            seconds = np.where(np.isnan(seconds), workload.documents / figure("documents_per_second"), seconds)
        once: Numbers = seconds / 3600 * prices.usd_per_hour * share_of_machine(figure("encode_cores"))
        of_query_tokens: Numbers = 0.0
        encode_ms = figure("encode_query_ms_mean") * share_of_machine(figure("encode_cores"))
    else:
        once = tokens / 1e6 * prices.usd_per_million_tokens
        of_query_tokens = workload.queries_per_month * tokens_per_query / 1e6 * prices.usd_per_million_tokens
        encode_ms = 0.0
    search_ms = figure("search_ms_mean_at_workload") * share_of_machine(figure("search_cores"))
    busy_hours = workload.queries_per_month * (encode_ms + search_ms) / MS_PER_HOUR
    hours = np.maximum(busy_hours, workload.machine_hours_per_month * workload.replicas)
    yearly_share = 1 / workload.write_off_months + workload.reembeddings_per_year / 12
    embed_month = once * (yearly_share + workload.changed_documents_per_month / workload.documents)
    kept_gb = workload.replicas * figure("index_bytes_at_workload") / 1e9
    paid_gb = np.nan_to_num(hours) / HOURS_PER_MONTH * prices.ram_gb
    storage = np.maximum(kept_gb - paid_gb, 0.0) * prices.usd_per_gb_month
    queries = of_query_tokens + hours * prices.usd_per_hour
    found = (once, embed_month, storage, queries, embed_month + storage + queries)
    return dict(zip(FIGURES, found, strict=True))


def why_no_cost(figures: Mapping[str, Any]) -> dict[str, str]:
    """Why each cost that ``costs`` gave as NaN is missing."""
    no_price = "no price in pricing.models or pricing.machines fits; give pricing.usd_per_hour"
    reasons = {}
    for name, needed in NEEDS.items():
        missing = [figure for figure in needed if figures.get(figure) is None]
        reasons[name] = f"{missing[0]} was not measured" if missing else no_price
    return reasons


@dataclass(frozen=True)
class Crossing:
    """Where one machine that is always on meets a hosted model's bill.

    ``tokens_per_month`` is the volume from which the machine is cheaper: infinite where it never is, as what it can do
    in a month (``capacity``) costs less hosted, and NaN where the machine has no price.
    """

    tokens_per_month: float
    capacity: float


def crossing(tokens_per_second: float, usd_per_hour: float, usd_per_million_tokens: float) -> Crossing:
    """The monthly volume at which embedding on one's own machine becomes cheaper than a hosted model."""
    capacity = tokens_per_second * 3600 * HOURS_PER_MONTH
    month_usd = usd_per_hour * HOURS_PER_MONTH
    is_never = month_usd * 1e6 > capacity * usd_per_million_tokens
    return Crossing(np.inf if is_never else month_usd / usd_per_million_tokens * 1e6, capacity)
