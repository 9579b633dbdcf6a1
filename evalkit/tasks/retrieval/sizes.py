"""Each corpus at the sizes that a run asks for: samples from the one stored pass, judged like any corpus."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from evalkit.arrays import Rows
from evalkit.config import RunConfig
from evalkit.corpora import Corpus, Texts
from evalkit.corpora.samples import SampledCorpus, SelectedTexts, judged_rows, samples
from evalkit.embeddings.chunking import Chunks
from evalkit.embeddings.corpus_embeddings import CorpusEmbeddings
from evalkit.errors import UserError, printable, say
from evalkit.results.record import PointRecord
from evalkit.results.setting import FULL
from evalkit.tasks.models import EncodedCorpus, IndexedCorpus, index_words
from evalkit.tasks.task import Data
from evalkit.vectors.selected import Part, SelectedRows


def no_rows() -> Rows:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class SizedCorpus:
    """A corpus at one size. ``sample`` is null where that is the whole corpus, whose ``data`` it then has.

    ``chunk_rows`` and ``distractor_chunk_rows`` are the rows of its chunks in the two passes. ``is_ranked`` says that
    settings are chosen by this size. ``too_small`` are the sizes that its judged documents alone exceed.
    """

    data: Data
    sample: SampledCorpus | None = None
    chunk_rows: Rows = field(default_factory=no_rows)
    distractor_chunk_rows: Rows = field(default_factory=no_rows)
    is_ranked: bool = True
    too_small: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """The setting's ``corpus_size``."""
        return FULL if self.sample is None else str(len(self.sample.documents))

    @property
    def distractors(self) -> str:
        """The setting's ``distractors``."""
        if self.sample is None or self.sample.distractors is None or not self.sample.has_distractors:
            return ""
        return self.sample.distractors.name

    def read(self, whole: Any, distractors: Any) -> Any:
        """What a model has read of the ``whole`` corpus, and of ``distractors``, at this size: no text again."""
        if self.sample is None:
            return whole
        if isinstance(whole, IndexedCorpus):
            return index_words(self.sample, whole.model)
        parts = [Part(whole.embeddings.documents.vectors, self.chunk_rows)]
        if self.sample.has_distractors:
            parts.append(Part(distractors.embeddings.documents.vectors, self.distractor_chunk_rows))
        chunks = self.data.chunks
        documents = replace(whole.embeddings.documents, texts=chunks.texts, vectors=SelectedRows(parts))
        embeddings = CorpusEmbeddings(chunks, documents, whole.embeddings.queries)
        return EncodedCorpus(self.sample, whole.encoder, embeddings)


def distractors_name(asked: str | None, corpora: Mapping[str, Corpus]) -> str:
    """The name of that one of ``corpora`` (by their keys in the config) which is ``asked`` for as distractors, or "".

    Raises UserError where the run has no such corpus, or no other.
    """
    if asked is None:
        return ""
    name = next((corpus.name for key, corpus in corpora.items() if asked in (key, corpus.name)), None)
    if name is None or len(corpora) == 1:
        keys = ",".join([*corpora, *([] if name else [asked])])
        what = "is the only corpus of the run, and enlarges another one" if name else "is no corpus of the run"
        hint = f"Name both: corpus=[{keys if name is None else f'<corpus>,{keys}'}]."
        raise UserError(f"distractors={asked} {what}.", hint)
    return name


def sized_corpora(config: RunConfig, data: Sequence[Data], distractors: str) -> dict[str, list[SizedCorpus]]:
    """Each corpus, by its name, at each size of ``config``, ascending; sizes beyond what there is are told on stderr.

    The corpus called ``distractors`` enlarges the others. Raises UserError where no size is as large as the judged
    documents, and for distractors that enlarge nothing.
    """
    if list(config.corpus_sizes) == [FULL] and not distractors:
        return {each.corpus.name: [SizedCorpus(each)] for each in data}
    added = next((each for each in data if each.corpus.name == distractors), None)
    sized = {each.corpus.name: list(at_sizes(config, each, None if added is each else added)) for each in data}
    if added and not any(each.distractors for of_corpus in sized.values() for each in of_corpus):
        smallest = min(len(each.corpus.documents) for each in data if each is not added)
        raise UserError(
            f"distractors={config.distractors} enlarges nothing: no size is beyond the documents of a corpus.",
            f"Give one beyond {smallest:,}, as in corpus_sizes=[full,{10 * smallest}].",
        )
    return sized


def at_sizes(config: RunConfig, data: Data, added: Data | None) -> Iterator[SizedCorpus]:
    """``data`` at each size, those from ``added`` included."""
    corpus = data.corpus
    own, judged = len(corpus.documents), len(judged_rows(corpus))
    most = own + (len(added.corpus.documents) if added else 0)
    asked = sorted({own if size == FULL else int(size) for size in config.corpus_sizes})
    small = tuple(size for size in asked if size < judged and size < own)
    if beyond := [size for size in asked if size > most]:
        what = f"its {own:,} documents" if most == own else f"its {own:,} documents and all distractors: {most:,}"
        say(f"evalkit: {printable(corpus.name)}: size {', '.join(f'{size:,}' for size in beyond)} is {what}")
    sizes = sorted({min(size, most) for size in asked if size not in small})
    if not sizes:
        raise UserError(
            f"corpus '{corpus.name}': {judged:,} documents are judged, and every sample holds all of these.",
            f"Give a size from {judged:,} on, or full.",
        )
    ranked = own if own in sizes else sizes[-1]
    drawn = iter(samples(corpus, [size for size in sizes if size != own], added.corpus if added else None))
    for size in sizes:
        of_whole = SizedCorpus(data) if size == own else sampled(data, added, next(drawn))
        yield replace(of_whole, is_ranked=size == ranked, too_small=small if size == sizes[0] else ())


def sampled(data: Data, added: Data | None, sample: SampledCorpus) -> SizedCorpus:
    """The chunks of the documents of ``sample``, and where they are in the passes."""
    own_rows, own_document = chunks_among(data.chunks, sample.rows)
    parts, ids = [(data.chunks.texts.texts, own_rows)], [data.chunks.texts.ids[row] for row in own_rows.tolist()]
    added_rows, document = no_rows(), own_document
    if added and sample.has_distractors:
        added_rows, added_document = chunks_among(added.chunks, sample.distractor_rows)
        parts.append((added.chunks.texts.texts, added_rows))
        names = sample.documents.ids[len(sample.rows) :]
        first = np.flatnonzero(np.diff(added_document, prepend=-1))
        number = np.arange(len(added_rows)) - first[added_document] + 1
        counts = np.bincount(added_document)
        ids += [
            names[d] if counts[d] == 1 else f"{names[d]}#{n}"
            for d, n in zip(added_document.tolist(), number.tolist(), strict=True)
        ]
        document = np.concatenate([own_document, added_document + len(sample.rows)])
    is_split = data.chunks.document is not None
    chunks = Chunks(
        name=data.chunks.name,
        texts=Texts(ids, SelectedTexts(parts)) if is_split else sample.documents,
        document=document if is_split else None,
        per_document=len(document) / len(sample.documents),
    )
    return SizedCorpus(Data(sample, chunks), sample, own_rows, added_rows)


def chunks_among(chunks: Chunks, rows: Rows) -> tuple[Rows, Rows]:
    """The rows of the chunks of the documents at ``rows`` (ascending), and of each its document's place among these."""
    if chunks.document is None:
        return rows, np.arange(len(rows))
    chosen = np.flatnonzero(np.isin(chunks.document, rows))
    return chosen, np.searchsorted(rows, chunks.document[chosen])


def with_too_small(record: PointRecord, sized: SizedCorpus, judged: int) -> Iterator[PointRecord]:
    """The same setting at each size that can't be: without figures, and with the reason."""
    for size in sized.too_small:
        reason = f"{judged:,} documents are judged, and a sample of {size:,} can't hold all of these"
        yield without_figures(record, replace(record.point.setting, corpus_size=str(size), distractors=""), reason)


def without_figures(record: PointRecord, setting: Any, reason: str) -> PointRecord:
    point = replace(
        record.point,
        setting=setting,
        queries=0,
        figures=dict.fromkeys(record.point.figures),
        unmeasured=dict.fromkeys([*record.point.figures, "candidates"], reason),
        candidates=None,
        notes={},
        laws={},
        proof={},
        load={},
    )
    empty: Mapping[str, Any] = {name: np.empty(0) for name in record.latencies_ms}
    return replace(record, point=point, latencies_ms=empty, unproven=reason)
