"""BM25 by hand and against published figures; random order as the floor; both are runs like any other."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config import Bm25Model, Bm25Options, RandomModel, RandomOptions
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.lexical import load_retriever
from evalkit.lexical.retriever import best
from evalkit.measures.ranking import tie_order
from evalkit.results.reader import StoredRun, read_run, stored_runs
from evalkit.tasks import models
from evalkit.tasks.retrieval.lexical import LexicalRetriever
from tests.conftest import WriteBeir

pytest.importorskip("bm25s")
DOCUMENTS = ["the red apples of a tree", "green apple, red apple", "a river", "stones in the river"]


def bm25(documents: list[str] = DOCUMENTS, **options: Any) -> Any:
    return load_retriever(Bm25Model(options=Bm25Options(**options)), documents)


def test_scores_are_lucenes_formula_by_hand() -> None:
    """Robertson and Zaragoza 2009 with Lucene's idf, ln(1 + (N - n + 0.5) / (n + 0.5)); stopwords and stems removed."""
    words = [["red", "appl", "tree"], ["green", "appl", "red", "appl"], ["river"], ["stone", "river"]]
    mean = sum(map(len, words)) / 4
    k1, b = 1.5, 0.75

    def score(document: list[str], word: str) -> float:
        matching = sum(word in each for each in words)
        idf = math.log(1 + (4 - matching + 0.5) / (matching + 0.5))
        count = document.count(word)
        return idf * count / (count + k1 * (1 - b + b * len(document) / mean))

    retriever = bm25()
    assert retriever.read("The apples are red!") == ["appl", "red"]
    expected = [score(document, "appl") + score(document, "red") for document in words]
    np.testing.assert_allclose(retriever.scores(retriever.read("The apples are red!")), expected, rtol=1e-5)
    assert retriever.tokens == 10
    assert retriever.index_bytes > retriever.bytes_per_document * 4 > 0


def test_what_does_not_match_has_no_place_and_ties_are_trec_evals() -> None:
    retriever = bm25(["red", "blue", "red", "green"])
    ranking = best(retriever.scores(retriever.read("red")), 3, tie_order(["a", "b", "c", "d"]))
    assert ranking.rows.tolist() == [[2, 0, -1]]
    nothing = best(retriever.scores(retriever.read("unheard the")), 3, tie_order(["a", "b", "c", "d"]))
    assert nothing.rows.tolist() == [[-1, -1, -1]]


def test_another_language_has_its_own_stems() -> None:
    assert bm25(["Die Häuser am Fluss"], language="de").read("Das Haus und die Häuser") == ["haus", "haus"]


CHINESE = ["猫在满足时会发出咕噜声。", "狗会对陌生人吠叫。", "股市因通胀担忧而下跌。"]
THAI = ["แมวส่งเสียงครางเมื่อพอใจ", "สุนัขเห่าใส่คนแปลกหน้า", "ตลาดหุ้นตกเพราะเงินเฟ้อ"]
HINDI = ["बिल्ली खुश होने पर घुरघुराती है", "कुत्ता अजनबी पर भौंकता है", "बाज़ार गिर गया"]


@pytest.mark.parametrize(
    ("documents", "queries"),
    [
        (CHINESE, ["猫为什么咕噜", "狗对谁吠叫", "股市为什么下跌"]),
        (THAI, ["ทำไมแมวจึงคราง", "สุนัขเห่าใคร", "ตลาดหุ้นตกทำไม"]),
        (HINDI, ["बिल्ली क्यों", "कुत्ता किस पर भौंकता", "बाज़ार"]),
        (["cafe\u0301 noir", "thé vert", "eau"], ["café", "the\u0301", "eau"]),
    ],
)
def test_any_script_is_searched_without_a_language(documents: list[str], queries: list[str]) -> None:
    retriever = bm25(documents)
    assert [int(retriever.scores(retriever.read(query)).argmax()) for query in queries] == [0, 1, 2]


def test_the_revision_tells_words_of_all_scripts_where_they_change_what_is_found() -> None:
    plain, chinese = bm25().revision(), bm25([*DOCUMENTS, *CHINESE]).revision()
    assert "all scripts" not in plain
    assert chinese == plain.replace(" {", ", words of all scripts {")


@pytest.mark.parametrize(
    ("documents", "unread"),
    [
        (["the a an", "of", "and the"], [0, 1, 2]),
        (["😀🎉", "", "7", "…"], [0, 1, 2, 3]),
        ([""], [0]),
        (["the", "red apple", ""], [0, 2]),
        (["2024 1066", "12"], []),
        (["one document"], []),
    ],
)
def test_documents_without_words_are_told_and_never_found(
    documents: list[str], unread: list[int], recwarn: pytest.WarningsRecorder
) -> None:
    retriever = bm25(documents)
    assert list(retriever.unread) == unread
    place = tie_order([str(row) for row in range(len(documents))])
    for query in ("", "the", "😀", "unheard", "red apple 2024 12 one document"):
        scores = retriever.scores(retriever.read(query))
        assert scores.shape == (len(documents),)
        assert np.isfinite(scores).all()
        assert not set(best(scores, 3, place).rows.ravel().tolist()) & set(unread)
    assert retriever.repeated(3).scores([]).shape == (len(documents) * 3,)
    assert not recwarn.list


def test_a_corpus_of_nothing_but_stopwords_is_run_to_the_end_with_a_finding(
    write_beir: WriteBeir, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    folder = write_beir({"a": "the", "b": "", "c": "of and"}, {"q": "the"}, [("q", "a", 1)])
    found = run(tmp_path, "model=bm25", "corpus=beir", f"corpus.beir.path={folder}", "top_k=10", "measures=[nDCG@10]")
    (point,) = found.about["points"]
    assert point["nDCG@10"] == 0
    assert {name for name, value in point.items() if value is None} == {*point["unmeasured"], "dims"}
    (corpus,) = found.about["corpora"]
    (finding,) = [each for each in corpus["lint"] if each["check"] == "documents_without_words"]
    assert (finding["count"], finding["total"], finding["examples"]) == (2, 2, ["a", "c"])
    assert not [warning for warning in recwarn.list if warning.category is RuntimeWarning]


def run(tmp_path: Path, *arguments: str) -> StoredRun:
    assert main([*arguments, f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}"]) == 0
    return read_run(stored_runs(tmp_path / "results")[-1])


@pytest.mark.parametrize(
    ("name", "task", "subset"),
    [
        ("xquad-en", "XQuADRetrieval", "en/validation"),
        ("xquad-de", "XQuADRetrieval", "de/validation"),  # by English stems and stopwords, as published
        ("mbpp", "MBPPRetrieval", "default/test"),
        pytest.param("scifact", "SciFact", "default/test", marks=pytest.mark.verify),
    ],
)
def test_bm25_reaches_the_published_figures(
    name: str, task: str, subset: str, published: Mapping[str, Any], shared_data: Path, tmp_path: Path
) -> None:
    found = {m: f[subset]["ndcg_at_10"] for m, f in published[task].items() if "bm25s" in m}
    (figure,) = found.values()
    words = ["model=bm25", "corpus=beir", f"corpus.beir.path={shared_data / name}", "at_workload_seconds=0"]
    point = run(tmp_path, *words).about["points"][0]
    assert point["nDCG@10"] == pytest.approx(figure, abs=0.01)


def test_a_run_has_every_figure_but_those_of_vectors(colours: Path, tmp_path: Path) -> None:
    found = run(tmp_path, "model=bm25", "corpus=beir", f"corpus.beir.path={colours}", "top_k=10", "measures=[nDCG@10]")
    (point,) = found.about["points"]
    assert (point["dims"], point["quantization"], point["index"]) == (None, "none", "bm25")
    assert point["nDCG@10"] > 0.7
    assert point["unmeasured"]["overlap@10"] == "there are no vectors"
    for name in ("index_bytes", "search_ms_p50", "encode_query_ms_p95", "documents_per_second", "cost_month_usd"):
        assert point[name] > 0
    null = {name for name, value in point.items() if value is None}
    assert null == {*point["unmeasured"], "dims"}  # which is of the setting
    assert set(found.rankings()["index"]) == {"bm25"}


def test_documents_per_second_are_those_of_reading_them_and_not_of_importing_a_library(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that moves by 500 s for the first retriever of the process, and by 2 s for every later one."""
    now, builds = [0.0], iter([500.0])

    def load(*arguments: Any) -> Any:
        now[0] += next(builds, 2.0)
        return load_retriever(*arguments)

    monkeypatch.setattr(models, "load_retriever", load)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(LexicalRetriever, "find_all_ms", lambda *arguments: 1.0)
    places = [f"corpus.beir.path={colours}", f"results_dir={tmp_path / 'results'}"]
    assert main(["model=random", "corpus=beir", *places, "top_k=10", "measures=[nDCG@10]"]) == 0
    (point,) = read_run(stored_runs(tmp_path / "results")[0]).about["points"]
    assert point["documents_per_second"] == 12 / 2


def test_random_order_finds_what_chance_finds(colours: Path, tmp_path: Path) -> None:
    arguments = ["corpus=beir", f"corpus.beir.path={colours}", "top_k=10", "measures=[R@10]", "at_workload_seconds=0"]
    one, again, other = (run(tmp_path, "model=random", *arguments, f"model.options.seed={s}") for s in (0, 0, 1))
    assert one.rankings()["document_id"].tolist() == again.rankings()["document_id"].tolist()
    assert one.rankings()["document_id"].tolist() != other.rankings()["document_id"].tolist()
    seeds = [load_retriever(RandomModel(options=RandomOptions(s)), ["x"] * 100) for s in range(200)]
    hits = [7 in best(r.scores(r.read("q")), 10, tie_order([str(i) for i in range(100)])).rows for r in seeds]
    assert np.mean(hits) == pytest.approx(0.1, abs=0.06)


def test_baselines_stand_beside_models_in_a_report_and_a_gate(
    tiny_run: list[str], colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(tiny_run)
    words = [word for word in tiny_run if not word.startswith("model")]
    assert main(["model=bm25", *words]) == 0
    assert main(["report", f"results_dir={tmp_path / 'results'}", f"reports_dir={tmp_path / 'reports'}"]) == 0
    assert "bm25" in (tmp_path / "reports" / "index.md").read_text()
    model, bm25_run = (str(folder) for folder in stored_runs(tmp_path / "results"))
    where = [f"results_dir={tmp_path / 'results'}", f"reports_dir={tmp_path / 'reports'}", "limits=null"]
    code = main(["gate", f"baseline={bm25_run}", f"candidate={model}", "match=[corpus]", *where])
    assert code in (1, 3)  # six queries are too few for a pass
    assert "engine bm25s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model=bm25", "model.options.language=xx"], "language=xx is unknown"),
        (["model=bm25", "+model.options.k2=1"], "Known: b, k1, language"),
        (["model=random", "+model.options.sed=1"], "Did you mean 'seed'"),
    ],
)
def test_a_bad_option_is_said(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load_retriever(compose("run", overrides).model, DOCUMENTS)
