"""Figures of tasks other than retrieval, beside their measures of quality: thresholds, and what these decide."""

from evalkit.results.column import Column

NO_THRESHOLD = "no threshold serves, or the task has none"
NO_OUTLIERS = "the task tells no outliers"
OUTLIERS_BY = {  # what a column's name ends in, and which outliers are found by which distance
    "": "of all are found, by distance to the nearest",
    "_mahalanobis": "of all are found, by Mahalanobis distance",
    "_isolation_forest": "of all are found, by an isolation forest",
    "_near": "of the near ones are found, by distance to the nearest",
}
NO_BASKETS = "the task recommends nothing"
NO_DUPLICATES, NO_CACHE = "the task looks for no duplicates", "the task is no cache"
WRONG_PERCENT = (2, 5, 10)  # of hits, that there are columns for
PRECISION_PERCENT = (90, 95, 99)
OF_DUPLICATES = (
    Column(
        "f1_threshold",
        "the cosine of pairs at which their F1 is best",
        higher_is_better=None,
        why_null=NO_DUPLICATES,
        is_signed=True,
    ),
    *(
        Column(name, about, higher_is_better=True, why_null=NO_DUPLICATES)
        for name, about in (
            ("f1_precision", "precision of the pairs at f1_threshold"),
            ("f1_recall", "recall of the pairs at f1_threshold"),
            ("pair_precision", "share of the pairs at or above threshold that are duplicates"),
            ("pair_recall", "share of the pairs of duplicates that are at or above threshold"),
        )
    ),
    *(
        Column(
            f"recall_precision_{percent}",
            f"the most duplicate pairs, as a share, that a cosine finds {percent} % of whose pairs are duplicates",
            higher_is_better=True,
            why_null=NO_DUPLICATES,
        )
        for percent in PRECISION_PERCENT
    ),
    *(
        Column(name, about, higher_is_better=None, why_null=NO_DUPLICATES, is_whole=True)
        for name, about in (
            ("exact_duplicates", "texts that are equal to an earlier one, letter by letter"),
            ("groups_found", "groups of documents that pairs at or above threshold link, made copies left out"),
            ("documents_saved", "documents that could go, were one of each of groups_found kept"),
        )
    ),
    Column(
        "saved_documents_month_usd",
        "the share documents_saved of embedding and keeping workload.documents for a month, vectors alone",
        "$",
        higher_is_better=True,
        of_machine=True,
        of_workload=True,
        why_null=NO_DUPLICATES,
    ),
)
OF_CACHES = (
    Column(
        "hit_rate",
        "share of the second half's questions that are answered from the cache",
        higher_is_better=True,
        why_null=NO_CACHE,
    ),
    Column("wrong_hit_rate", "share of these hits that have another question's answer", why_null=NO_CACHE),
    Column("wrong_hit_rate_high", "the one-sided upper 95 % bound of wrong_hit_rate", why_null=NO_CACHE),
    Column("wrong_per_question", "wrong hits of the second half by its questions", why_null=NO_CACHE),
    Column(
        "hit_rate_misses_kept",
        "hit_rate where the cache keeps missed questions alone: a hit adds nothing to it",
        higher_is_better=True,
        why_null=NO_CACHE,
    ),
    Column(
        "wrong_hit_rate_misses_kept", "wrong_hit_rate where the cache keeps missed questions alone", why_null=NO_CACHE
    ),
    Column(
        "saved_calls_month",
        "hit_rate of workload.queries_per_month",
        higher_is_better=True,
        of_workload=True,
        why_null=NO_CACHE,
    ),
    Column(
        "saved_month_usd",
        "saved_calls_month at task.cache.usd_per_call",
        "$",
        higher_is_better=True,
        of_workload=True,
        why_null=NO_CACHE,
    ),
    *(
        Column(
            name.format(percent),
            about.format(percent),
            unit,
            is_higher,
            of_workload=bool(unit),
            why_null=NO_CACHE,
            is_signed=name.startswith("threshold"),
        )
        for percent in WRONG_PERCENT
        for name, about, unit, is_higher in (
            ("threshold_wrong_{}", "the threshold, were {} % of hits allowed to be wrong", "", None),
            ("hit_rate_wrong_{}", "hit_rate at that threshold, chosen for at most {} % of wrong hits", "", True),
            (
                "wrong_hit_rate_wrong_{}",
                "wrong_hit_rate at that threshold, chosen for at most {} % of wrong hits",
                "",
                False,
            ),
            (
                "saved_wrong_{}_month_usd",
                "saved_month_usd at that threshold, chosen for at most {} % of wrong hits",
                "$",
                True,
            ),
        )
    ),
)
OF_TASKS = (
    Column(
        "threshold",
        "the score from which an item is accepted: the cosine from which two texts are the same, say",
        higher_is_better=None,
        why_null=NO_THRESHOLD,
        is_signed=True,
    ),
    *(
        Column(
            f"threshold_{bound}",
            f"the {words} bound of the threshold's 95 % interval",
            higher_is_better=None,
            why_null=NO_THRESHOLD,
            is_signed=True,
        )
        for bound, words in (("low", "lower"), ("high", "upper"))
    ),
    *(
        Column(
            f"fpr_at_95_recall{suffix}",
            f"the share of inside texts that are taken for outliers where 95 % {of}",
            why_null=NO_OUTLIERS,
        )
        for suffix, of in OUTLIERS_BY.items()
    ),
    *(
        Column(
            f"{name}_at_10_popularity",
            f"{called}@10 of what is taken most, recommended to everybody: what vectors should beat",
            higher_is_better=None,
            why_null=NO_BASKETS,
        )
        for name, called in (("recall", "recall"), ("ndcg", "nDCG"))
    ),
    Column(
        "coverage",
        "the share of items that anybody is recommended",
        higher_is_better=True,
        why_null=NO_BASKETS,
    ),
    Column(
        "popularity_bias",
        "how much more popular recommended items are than those taken next: the difference of their mean percentiles",
        higher_is_better=None,
        why_null=NO_BASKETS,
        is_signed=True,
    ),
    *OF_DUPLICATES,
    *OF_CACHES,
)
