"""The schema of conf/pricing/ and conf/workload/: what things cost, and how much of them is needed."""

from dataclasses import dataclass, field

from omegaconf import MISSING


@dataclass
class MachinePrice:
    """A machine for rent. ``cores`` are those of one chosen by its CPU, ``gpu`` a word of its device's name.

    ``ram_gb`` (of 10⁹ bytes) comes with it, null where that isn't known.
    """

    name: str = MISSING
    usd_per_hour: float = MISSING
    cores: int | None = None
    gpu: str | None = None
    ram_gb: float | None = None
    priced_on: str | None = None
    read_on: str | None = None
    source: str | None = None


@dataclass
class StoragePrice:
    """Something that an index is kept in; a GB is 10⁹ bytes. ``in_machines``: a paid machine comes with some of it."""

    name: str = MISSING
    usd_per_gb_month: float = MISSING
    in_machines: bool = False
    priced_on: str | None = None
    read_on: str | None = None
    source: str | None = None


@dataclass
class HostedPrice:
    """A hosted model, by the name that results call it."""

    name: str = MISSING
    usd_per_million_tokens: float = MISSING
    priced_on: str | None = None
    read_on: str | None = None
    source: str | None = None


@dataclass
class PricingConfig:
    """What things cost: conf/pricing/."""

    machine: str = "auto"
    usd_per_hour: float | None = None
    machines: dict[str, MachinePrice] = field(default_factory=dict)
    storage: dict[str, StoragePrice] = field(default_factory=dict)
    models: dict[str, HostedPrice] = field(default_factory=dict)


@dataclass
class WorkloadConfig:
    """What is to be embedded, kept and searched: conf/workload/."""

    documents: int = 1_000_000
    tokens_per_document: float | None = None
    tokens_per_query: float | None = None
    changed_documents_per_month: int = 0
    queries_per_month: int = 1_000_000
    reembeddings_per_year: float = 1.0
    write_off_months: float = 12.0
    replicas: int = 1
    storage: str = "ram"
    machine_hours_per_month: float = 0.0
