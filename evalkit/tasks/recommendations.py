"""Items like those that users took: is what they took next among the nearest?"""

from collections.abc import Sequence

from evalkit.arrays import Floats, Rows
from evalkit.config import CorpusConfig, RecommendationsTask
from evalkit.corpora import Corpus
from evalkit.corpora.uses import baskets
from evalkit.corpora.uses.baskets import BasketCorpus
from evalkit.measures.quality import Judge, computable
from evalkit.measures.recommendations import (
    NOTHING,
    coverage,
    means_of,
    most_taken,
    nearest,
    popularity_bias,
    taken_by_users,
)
from evalkit.tasks.items import ItemTask, Judged, Kept

K = 10
MEASURES = {"recall_at_10": "R@10", "ndcg_at_10": "nDCG@10"}  # a column, and what ir_measures calls it


class Recommendations(ItemTask):
    kind = "recommendations"

    @staticmethod
    def load(name: str, source: CorpusConfig, settings: RecommendationsTask) -> Corpus:
        return baskets.load(name, source, settings)

    def items(self, corpus: BasketCorpus) -> Sequence[tuple[str, str]]:
        """A user's text is the last item of the history and the one that should be found."""
        texts, taken = corpus.documents.texts, zip(corpus.histories, corpus.last.tolist(), strict=True)
        both = [f"{texts[int(history[-1])]}\n{texts[last]}" for history, last in taken]
        return list(zip(corpus.users, both, strict=True))

    def judge(self, kept: Kept, corpus: BasketCorpus) -> Judged:
        vectors, histories, items = kept.documents, corpus.histories, len(corpus.documents)
        counts = taken_by_users(histories, items)
        before = vectors[[int(history[-1]) for history in histories]]
        recommended = nearest(vectors, means_of(vectors, histories), histories, K)
        judge = judge_of(corpus)

        def scores(recommended: Rows, suffix: str = "") -> dict[str, Floats]:
            per_user = judge.score(ids_of(recommended, corpus)).per_query
            return {f"{name}{suffix}": values for name, values in per_user.items()}

        popular = scores(most_taken(counts, histories, K), "_popularity")
        return Judged(
            per_item={
                **scores(recommended),
                **scores(nearest(vectors, before, histories, K), "_item_to_item"),
            },
            item_ids=corpus.users,
            figures={
                **{name: float(values.mean()) for name, values in popular.items()},
                "coverage": coverage(recommended, items),
                "popularity_bias": popularity_bias(recommended, corpus.last, counts),
            },
        )


def judge_of(corpus: BasketCorpus) -> Judge:
    """Of each user, the last item is relevant."""
    ids, measures = corpus.documents.ids, {name: computable(theirs) for name, theirs in MEASURES.items()}
    return Judge(measures, {user: {ids[row]: 1} for user, row in zip(corpus.users, corpus.last.tolist(), strict=True)})


def ids_of(recommended: Rows, corpus: BasketCorpus) -> dict[str, list[str]]:
    """user → the ids of what is recommended, best first."""
    ids, rows = corpus.documents.ids, recommended.tolist()
    return {user: [ids[row] for row in own if row != NOTHING] for user, own in zip(corpus.users, rows, strict=True)}
