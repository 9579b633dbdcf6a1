"""Ids in little memory: the same strings, rows and order as a list, a dict and Python's own sort have."""

import copy
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.corpora.corpus import MOST_LISTED, Corpus, build_corpus
from evalkit.corpora.ids import Ids, RowOf
from evalkit.corpora.texts import Texts
from evalkit.measures.ranking import tie_order

ANY_ID = st.text(st.characters(), max_size=20)  # lone surrogates, NULs and no characters at all
ALIKE = st.text(st.sampled_from("ab\0\uffff\U0001f600"), max_size=30)  # with beginnings in common


@settings(deadline=None)
@given(st.lists(ANY_ID | ALIKE), st.slices(6), st.lists(ANY_ID))
def test_ids_read_like_the_list_that_they_were_made_of(ids: list[str], part: slice, others: list[str]) -> None:
    made = Ids(ids)
    assert list(made) == ids
    assert [made[row] for row in range(-len(ids), len(ids))] == ids + ids
    assert made[part] == ids[part]
    assert list(copy.copy(made)) == ids
    for each in [*ids, *others]:
        assert (each in made) == (each in ids)
        row = made.row(each)
        assert ids[row] == each if row is not None else each not in ids


@settings(deadline=None)
@given(st.lists(ANY_ID | ALIKE))
def test_of_ids_that_are_added_the_first_of_each_stays(ids: list[str]) -> None:
    made = Ids()
    assert [made.add(each) for each in ids] == [each not in ids[:row] for row, each in enumerate(ids)]
    assert list(made) == list(dict.fromkeys(ids))
    assert dict(RowOf(made)) == {each: row for row, each in enumerate(dict.fromkeys(ids))}


@settings(deadline=None)
@given(st.lists(ANY_ID | ALIKE, unique=True))
def test_ties_are_in_the_order_that_python_gives_strings(ids: list[str]) -> None:
    assert Ids(ids).ascending().tolist() == sorted(range(len(ids)), key=ids.__getitem__)
    np.testing.assert_array_equal(tie_order(Ids(ids)), tie_order(ids))


def test_many_ids_are_found_each_at_its_row_and_ordered() -> None:
    """Many more than the table has slots at first; with beginnings in common, of lengths from 1 to 40."""
    ids = [f"{'document-' * (i % 5)}{i}" for i in range(30_000)]
    made = Ids()
    assert all(made.add(each) for each in ids)
    assert not any(made.add(each) for each in ids[::7])
    assert [made.row(each) for each in ids] == list(range(len(ids)))
    assert made.row("30000") is None
    assert made.ascending().tolist() == sorted(range(len(ids)), key=ids.__getitem__)


@pytest.mark.parametrize("row", [2, -3])
def test_a_row_that_does_not_exist_is_an_index_error(row: int) -> None:
    with pytest.raises(IndexError):
        Ids(["a", "b"])[row]


def test_an_id_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Texts(Ids(["a"]), ["text"]).row["b"]


def rows_of_documents() -> Iterator[tuple[str, str]]:
    """More than are listed, with ids and texts that come again, and texts that are empty."""
    for i in range(MOST_LISTED + 5_000):
        yield f"d{i % (MOST_LISTED + 2_000)}", "" if i % 10_000 == 77 else f"text {i % 30_011}"
    yield from [("d77", "the text of an id that came without one"), ("new", " "), ("new", "text"), ("d0", "")]


@pytest.fixture(scope="module")
def large() -> Corpus:
    qrels = {"q": {"d5": 1, "d77": 1, "nowhere": 1}, "d9": {"d9": 0, "d8": 1}, "new": {f"d{MOST_LISTED}": 1}}
    queries = [("q", "text 5"), ("d9", "text 9"), ("new", "what?")]
    return build_corpus("large", rows_of_documents(), queries, qrels)


def test_a_corpus_of_many_documents_is_what_lists_and_dicts_make_of_it(large: Corpus) -> None:
    first: dict[str, str] = {}
    repeated = []
    for id_, text in rows_of_documents():
        if id_ in first:
            repeated.append(id_)
        first.setdefault(id_, text)
    kept = {id_: text for id_, text in first.items() if text.strip()}
    earlier: dict[str, str] = {}
    copies = [id_ for id_, text in kept.items() if earlier.setdefault(text, id_) != id_]
    assert isinstance(large.documents.ids, Ids)
    assert (list(large.documents.ids), list(large.documents.texts)) == (list(kept), list(kept.values()))
    found = {finding.check: (finding.count, finding.total, finding.examples) for finding in large.findings}
    assert found["duplicate_document_ids"] == (len(repeated), len(first) + len(repeated), tuple(repeated[:3]))
    assert found["duplicate_documents"] == (len(copies), len(first), tuple(copies[:3]))
    assert large.empty_documents == tuple(id_ for id_, text in first.items() if not text.strip())
    assert found["judgments_of_unknown_documents"] == (1, 6, ("nowhere",))
    assert large.excluded == {"d9": "d9"}
    assert large.documents.row["d78"] == list(kept).index("d78")


def test_fingerprints_of_many_documents_are_those_of_lists(large: Corpus) -> None:
    listed = Texts(list(large.documents.ids), list(large.documents.texts))
    assert large.documents.fingerprint == listed.fingerprint
    assert large.documents.digests.tobytes() == listed.digests.tobytes()
    same = Corpus("same", listed, large.queries, large.qrels, {}, (), empty_documents=large.empty_documents)
    assert large.fingerprints == same.fingerprints
