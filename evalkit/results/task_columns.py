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
)
