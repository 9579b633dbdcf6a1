"""Must the index be rebuilt, and what do that and embedding all documents again take at the workload's size?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.gate.pairing import Pair
from evalkit.results.columns import column
from evalkit.results.index_config import build_settings
from evalkit.results.reader import StoredRun
from evalkit.results.setting import differences

OF_INDEX = ("dims", "quantization", "engine", "index")  # columns of a setting that decide what an index holds
SAID_OTHERWISE = ("kind", "bits")  # of a quantization, whose FAISS string says it
NO_PRICE = "no machine of pricing.machines has this price; give pricing.usd_per_hour"
NO_WORKLOAD = "the run has no workload"


def index_changes(pairs: Sequence[Pair], baseline: StoredRun, candidate: StoredRun) -> list[str]:
    """What makes the candidate's index another one over the same vectors, as ``dims 256 → 64``; each once.

    How an index is searched, later stages, and how many candidates are re-ordered build nothing.
    """
    return list(dict.fromkeys(change for pair in pairs for change in changes_of(pair, baseline, candidate)))


def changes_of(pair: Pair, baseline: StoredRun, candidate: StoredRun) -> Iterator[str]:
    changed = differences(pair.baseline, pair.candidate)
    for name in OF_INDEX:
        if name in changed:
            before, after = ("none" if value is None else value for value in changed[name])
            yield f"{name} {before} → {after}"
        elif name in SETTINGS_OF and not (name == "index" and "engine" in changed):
            before, after = (
                SETTINGS_OF[name](run.about["config"], point)
                for run, point in ((baseline, pair.baseline), (candidate, pair.candidate))
            )
            if any(before[setting] != after[setting] for setting in before.keys() & after.keys()):
                yield f"settings of {name} {pair.baseline[name]}"


def quantization_settings(config: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """What ``config``, a run's, says of how the vectors of ``point`` are kept; how many are re-ordered is no part."""
    settings = (config.get("quantization") or {}).get(point["quantization"]) or {}
    kept = {name: value for name, value in settings.items() if name not in SAID_OTHERWISE}
    if isinstance(rescore := kept.get("rescore"), Mapping):
        kept["rescore"] = rescore.get("store")
    return kept


SETTINGS_OF = {"quantization": quantization_settings, "index": build_settings}


def rebuilding(pairs: Sequence[Pair], candidate: StoredRun) -> dict[str, Any]:
    """Seconds and dollars of both at the workload's size, of the slowest setting in ``pairs``; null with the reason."""
    points = [pair.candidate for pair in pairs]
    documents = (candidate.about["config"].get("workload") or {}).get("documents")
    build_seconds, why_no_build = most(points, "build_seconds_at_workload")
    reembed_usd, why_no_usd = most(points, "cost_embed_once_usd")
    rates = [rate for point in points if (rate := point.get("documents_per_second"))]
    reembed_seconds = documents / min(rates) if documents and rates else None
    rebuild_usd = usd_of_machine(candidate, points[0], build_seconds)
    why = {
        "rebuild_seconds_at_workload": why_no_build,
        "rebuild_usd": why_no_build or ("" if rebuild_usd is not None else NO_PRICE),
        "reembed_seconds_at_workload": most(points, "documents_per_second")[1] or ("" if documents else NO_WORKLOAD),
        "reembed_usd": why_no_usd,
    }
    return {
        "workload_documents": documents,
        "rebuild_seconds_at_workload": build_seconds,
        "rebuild_usd": rebuild_usd,
        "reembed_seconds_at_workload": reembed_seconds,
        "reembed_usd": reembed_usd,
        "not_known": {name: reason for name, reason in why.items() if reason},
    }


def most(points: Sequence[Mapping[str, Any]], name: str) -> tuple[float | None, str]:
    """The largest figure ``name`` of ``points``, or null and why the first of them has none."""
    known = [float(value) for point in points if (value := point.get(name)) is not None]
    if known:
        return max(known), ""
    reasons: Mapping[str, str] = points[0].get("unmeasured", {})
    return None, reasons.get(name) or column(name).why_null or "its run does not have this figure"


def usd_of_machine(run: StoredRun, point: Mapping[str, Any], seconds: float | None) -> float | None:
    """What ``seconds`` of the machine cost by the prices of ``run``; null where none is known for it."""
    pricing = run.about["config"].get("pricing") or {}
    listed = {machine.get("name"): machine for machine in (pricing.get("machines") or {}).values()}
    own, machine = pricing.get("usd_per_hour"), listed.get(point.get("priced_as")) or {}
    per_hour = machine.get("usd_per_hour") if own is None else own
    return None if seconds is None or per_hour is None else seconds / 3600 * per_hour
