"""What users took: read in order, or made of labels and judgments; and what can't be judged."""

from pathlib import Path

import pytest

from evalkit.config import BeirCorpus, RecommendationsTask, TableCorpus
from evalkit.corpora.uses.baskets import BasketCorpus, load
from evalkit.errors import UserError
from tests.conftest import WriteBeir

ITEMS = "id,title,text\n1,red,apple\n2,blue,pear\n3,green,fish\n4,,\n5,grey,stone\n"
BASKETS = "user,item\nann,1\nbob,2\nann,3\ncid,5\nbob,1\nann,2\ncid,1\nbob,3\n"


def corpus_of(folder: Path, baskets: str = BASKETS, items: str = ITEMS, **settings: str) -> BasketCorpus:
    (folder / "items.csv").write_text(items)
    (folder / "baskets.csv").write_text(baskets)
    named = {"user": "user", "item": "item", "document_title": "title", **settings}
    files = {"documents": str(folder / "items.csv"), "baskets": str(folder / "baskets.csv")}
    return load("shop", TableCorpus(**files, **named), RecommendationsTask())


def taken(corpus: BasketCorpus) -> dict[str, tuple[list[str], str]]:
    """user → ids of the history and of the last item."""
    ids = corpus.documents.ids
    by_user = zip(corpus.users, corpus.histories, corpus.last.tolist(), strict=True)
    return {user: ([ids[row] for row in history], ids[last]) for user, history, last in by_user}


def found(corpus: BasketCorpus) -> dict[str, int]:
    return {finding.check: finding.count for finding in corpus.findings}


def test_a_history_is_in_the_order_of_taking_and_ends_before_the_last(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path)
    assert taken(corpus) == {"ann": (["1", "3"], "2"), "bob": (["2", "1"], "3"), "cid": (["5"], "1")}
    assert list(corpus.documents.texts) == ["red apple", "blue pear", "green fish", "grey stone"]
    assert corpus.empty_documents == ("4",)
    assert found(corpus) == {"empty_documents": 1}
    assert corpus.judgments == 3


def test_the_order_of_taking_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    before = corpus_of(tmp_path).fingerprints
    after = corpus_of(tmp_path, BASKETS.replace("ann,1", "ann,x").replace("ann,3", "ann,1").replace("ann,x", "ann,3"))
    assert after.fingerprints["judgments"] != before["judgments"]
    assert after.fingerprints["documents"] == before["documents"]


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    odd = "ann,9\nann,1\nbob,4\n,1\nann,\ndan,1\neve,7\n"
    corpus = corpus_of(tmp_path, BASKETS + odd)
    assert taken(corpus) == taken(corpus_of(tmp_path))
    counts = found(corpus_of(tmp_path, BASKETS + odd))
    assert counts == {
        "empty_documents": 1,
        "unknown_items": 3,
        "items_again": 1,
        "incomplete_takings": 2,
        "users_of_one_item": 2,
    }


def test_numbers_are_the_ids_that_items_have(tmp_path: Path) -> None:
    (tmp_path / "baskets.jsonl").write_text(
        "".join(f'{{"user": {u}, "item": {i}.0}}\n' for u in (1, 2, 3) for i in (1, 2))
    )
    (tmp_path / "items.csv").write_text(ITEMS)
    files = {"documents": str(tmp_path / "items.csv"), "baskets": str(tmp_path / "baskets.jsonl")}
    corpus = load("shop", TableCorpus(**files, user="user", item="item"), RecommendationsTask())
    assert taken(corpus) == {user: (["1"], "2") for user in "123"}


def test_baskets_made_of_labels_hold_one_label_each_and_are_said_to_be_made(tmp_path: Path) -> None:
    rows = [f"text {text} of {label},{label}" for label in "abc" for text in range(7)]
    (tmp_path / "test.csv").write_text("\n".join(["text,label", *rows, "alone,d"]))
    source = TableCorpus(test=str(tmp_path / "test.csv"), label="label")
    corpus = load("mine", source, RecommendationsTask(basket_items=3))
    notes = {note.check: (note.count, note.total) for note in corpus.findings}
    assert notes == {"labels_of_one_text": (1, 4), "made_baskets": (9, 10)}
    assert corpus.name == "mine (made baskets)"
    text = corpus.documents.text_of
    for history, last in taken(corpus).values():
        assert len({str(text(id_))[-1] for id_ in (*history, last)}) == 1
        assert len({*history, last}) == 3
    together = [id_ for history, last in taken(corpus).values() for id_ in (*history, last)]
    assert len(together) > len(set(together))  # else nothing could be popular
    again, other = (load("mine", source, RecommendationsTask(basket_items=3, seed=seed)) for seed in (0, 1))
    assert taken(again) == taken(corpus) != taken(other)


def test_baskets_made_of_judgments_hold_what_is_relevant_to_one_query(write_beir: WriteBeir) -> None:
    documents = {f"d{i}": f"text {i}" for i in range(6)}
    judgments = [("a", "d0", 1), ("a", "d1", 2), ("a", "d2", 0), ("b", "d2", 1), ("b", "d3", 1), ("c", "d5", 1)]
    judgments += [("d", "d1", 1), ("d", "d4", 1), ("d", "d0", 1)]
    folder = write_beir(documents, {query: f"query {query}" for query in "abcd"}, judgments)
    corpus = load("beir", BeirCorpus(path=str(folder)), RecommendationsTask())
    together = {user: {*history, last} for user, (history, last) in taken(corpus).items()}
    assert together == {"a": {"d0", "d1"}, "b": {"d2", "d3"}, "d": {"d0", "d1", "d4"}}
    assert found(corpus) == {"made_baskets": 3}


@pytest.mark.parametrize(
    ("baskets", "says"),
    [
        ("user,item\nann,1\nann,2\nbob,1\nbob,2\ncid,1\n", "has 2 users with 2 known items or more; it needs 3"),
        ("user,item\nann,x\nann,y\n", "has 0 users with 2 known items or more"),
        ("user,item\n", "has 0 users"),
        ("who,item\nann,1\n", "has no column 'user'"),
        ("user,what\nann,1\n", "has no column 'item'"),
        ("who,what\nann,1\n", "names no column that is read: user, item"),
    ],
)
def test_what_can_not_be_judged_is_one_clear_line(tmp_path: Path, baskets: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        corpus_of(tmp_path, baskets)
    assert says in error.value.problem
    assert "\n" not in error.value.problem


def test_settings_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"corpus\.shop\.baskets is not set"):
        load("shop", TableCorpus(documents="items.csv"), RecommendationsTask())
    with pytest.raises(UserError, match=r"corpus\.shop\.documents is not set"):
        load("shop", TableCorpus(baskets="b.csv"), RecommendationsTask())
    for column in ("user", "item"):
        with pytest.raises(UserError, match=rf"corpus\.shop\.{column} is not set"):
            corpus_of(tmp_path, **{column: ""})
