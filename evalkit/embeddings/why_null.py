"""Why a figure of an encoding pass is null, in one line for each; those of points are in results.columns."""

from evalkit.results.columns import NO_TOKENS

UNTIMED = (
    "the vectors were made on another machine or with other threads, and nothing was timed here: "
    "runtime.timing_seconds=0, or a hosted model whose texts are not sent again"
)
GIVEN = "vectors were given, so nothing was encoded"
ONE_BY_ONE = "its texts were sent one at a time"
NO_CUTS = "nobody says which texts were cut: the API, or the model's library, does not tell"
WHY_NULL = {
    "tokens": NO_TOKENS,
    **dict.fromkeys(("seconds", "texts_per_second"), ONE_BY_ONE),
    "truncated_texts": NO_CUTS,
    "threads": "the model's library, or its server, chooses them",
    "verification": "PyTorch in float32 on the CPU is what other runtimes are compared with",
}
