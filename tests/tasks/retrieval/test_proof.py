"""What can't be shown to be in use has no figures, behind a stage neither; the first search opens a connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.measures.ranking import Ranking
from evalkit.results.reader import StoredRun, read_run, stored_runs
from evalkit.search.engine import EngineFacts, Filter, Plan
from evalkit.search.engines.database import Clients
from evalkit.search.engines.faiss.engine import FaissEngine
from evalkit.search.engines.in_process import InProcessIndex

WHY = "a scan was used"
TOLD: list[str] = []


class Served(InProcessIndex):
    """Searched by a client of each thread, as a database is; without proof where more than five are asked for."""

    def __init__(self, plan: Plan, main: Any, version: str) -> None:
        super().__init__(plan, main, version)
        self.clients: Clients[str] = Clients(self.connect, lambda client: TOLD.append("closed"))
        self.asked: set[int] = set()

    def connect(self) -> str:
        TOLD.append("connected")
        return "a client"

    def fill(self, documents: Any, payload: Any) -> Any:
        self.clients.get()
        TOLD.append("filled")
        return super().fill(documents, payload)

    def search(self, queries: Any, k: int, keep: Filter | None = None) -> Ranking:
        self.clients.get()
        TOLD.append("searched")
        self.asked.add(k)
        return super().search(queries, k, keep)

    def facts(self) -> EngineFacts:
        """Of the searches so far, as the protocol has it."""
        TOLD.append("asked for facts")
        unproven = WHY if self.plan.index.options.get("unproven") and max(self.asked, default=0) > 5 else ""
        return replace(super().facts(), name="served", unproven=unproven)


class ServedEngine(FaissEngine):
    planned = 0

    def plan(self, *asked: Any) -> Plan:
        type(self).planned += 1
        return super().plan(*asked)

    @contextmanager
    def open(self, plan: Plan) -> Iterator[InProcessIndex]:
        with super().open(plan) as opened:
            yield Served(opened.plan, opened.main, opened.version)


@pytest.fixture
def served(tiny_run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run of such an engine at three operating points, with more words."""
    monkeypatch.setattr(f"{__name__}.TOLD", [])
    monkeypatch.setattr(ServedEngine, "planned", 0)
    folder = tmp_path / "conf" / "index"
    folder.mkdir(parents=True)
    index = f"engine: {__name__}:ServedEngine\n  faiss: HNSW32\n  search: {{efSearch: [16, 32, 64]}}\n"
    (folder / "served.yaml").write_text(f"# served — as a database\nserved:\n  {index}")

    def run(*words: str) -> StoredRun:
        assert main(["--config-dir", str(tmp_path / "conf"), *tiny_run, "index=served", *words]) == 0
        return read_run(stored_runs(tmp_path / "results")[-1])

    return run


def test_the_first_search_is_the_first_of_a_new_connection(served: Any) -> None:
    points = served().about["points"]
    first = TOLD.index("searched")
    assert TOLD[: first + 1] == ["connected", "filled", "closed", "connected", "searched"]
    assert [point["search_ms_first"] is None for point in points] == [False, True, True]


def test_what_is_not_proven_has_no_figures_behind_a_stage_neither(served: Any) -> None:
    stored = served("stages=bm25", "+index.served.options.unproven=true")
    points = stored.about["points"]
    assert sorted({point["stages"] for point in points}) == ["", "bm25"]
    for point in points:
        figures = [name for name in point["unmeasured"] if name not in ("candidates",)]
        assert {"nDCG@10", "search_ms_p50", "index_bytes", "overlap@10"} - {*figures} == set()
        assert {point[name] for name in figures} == {None}
        assert {point["unmeasured"][name] for name in figures} == {WHY}
        assert point["laws"] == {}
    assert stored.queries().empty
    assert stored.latencies().empty


def test_the_proof_is_of_what_was_searched(served: Any) -> None:
    """For four results it is there; another search would have none."""
    words = ("serve_k=4", "top_k=4", "measures=[nDCG@4]")
    points = served("stages=bm25", "+index.served.options.unproven=true", *words).about["points"]
    assert {(point["stages"], point["nDCG@4"] is None) for point in points} == {("", False), ("bm25", False)}


def test_nothing_is_planned_anew_for_a_point(served: Any) -> None:
    """A plan asks a server."""
    served()
    of_three = ServedEngine.planned
    served("index.served.search.efSearch=[16]")
    assert ServedEngine.planned == 2 * of_three
