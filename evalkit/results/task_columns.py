"""Figures of tasks other than retrieval, beside their measures of quality: thresholds, and what these decide."""

from evalkit.results.column import Column

NO_THRESHOLD = "no threshold serves, or the task has none"
OF_TASKS = (
    Column(
        "threshold",
        "the score from which an item is accepted: the cosine from which two texts are the same, say",
        higher_is_better=None,
        why_null=NO_THRESHOLD,
    ),
    *(
        Column(
            f"threshold_{bound}",
            f"the {words} bound of the threshold's 95 % interval",
            higher_is_better=None,
            why_null=NO_THRESHOLD,
        )
        for bound, words in (("low", "lower"), ("high", "upper"))
    ),
)
