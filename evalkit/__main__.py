"""The front door: which command, then hand over. Nothing heavy is imported here."""

import sys
from importlib import import_module

from evalkit.commands.door import check_surroundings, exit_code
from evalkit.commands.interrupts import INTERRUPTED, leave
from evalkit.commands.streams import take_streams
from evalkit.errors import UserError, did_you_mean

COMMANDS = {
    "run": "evaluate a model on corpora (the default)",
    "report": "rank the settings of stored runs by quality and cost, as one HTML page",
    "show": "print a stored run: its answer, all of its points, where it was made",
    "list": "the stored runs, the newest first",
    "compare": "two stored runs side by side: differences with intervals, and what differs in config and machine",
    "recommend": "the cheapest stored setting that meets constraints, as in 'query_ms_p95<=20' 'nDCG@10>=0.98*best'",
    "gate": "compare two runs and say whether an upgrade is safe; the verdict is the exit code",
    "baseline": "accept a run as the baseline that later ones are gated against",
    "new-corpus": "make a corpus of your own text files, with questions to fill in",
    "export": "write a stored run as TREC run files and MTEB-style results",
    "store": "list, verify and prune the embeddings that are kept",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 bad input, 70 evalkit's own fault, 130 interrupted; a gate's
    verdict.

    Without ``arguments`` it is the process's own command, whose standard streams it takes over.
    """
    if arguments is not None:
        return exit_code(lambda: dispatch(arguments), arguments)
    take_streams()
    code = exit_code(lambda: dispatch(sys.argv[1:]), sys.argv[1:])
    return leave(code) if code in INTERRUPTED else code


def dispatch(arguments: list[str]) -> int:
    check_surroundings(arguments)
    at = place_of_command(arguments)
    name, rest = ("run", arguments) if at is None else (arguments[at], arguments[:at] + arguments[at + 1 :])
    if name not in COMMANDS:
        raise UserError(f"there is no command '{name}'.", did_you_mean(name, COMMANDS))
    if not {"--help", "-h"}.isdisjoint(rest):
        from evalkit.commands.help import print_help

        print_help(name, COMMANDS, rest)
        return 0
    if "--version" in rest:
        from evalkit import __version__

        sys.stdout.write(f"evalkit {__version__}\n")
        return 0
    code: int = import_module(f"evalkit.commands.{name.replace('-', '_')}").main(rest)
    return code


def place_of_command(arguments: list[str]) -> int | None:
    """Where among ``arguments`` the command is: first, or behind flags; null where there is none, as for a run."""
    if not arguments or not arguments[0].startswith("-"):
        is_word = bool(arguments) and not arguments[0].startswith(("+", "~")) and "=" not in arguments[0]
        return 0 if is_word else None
    from evalkit.commands.arguments import HYDRA_FLAGS

    at = 0
    while at < len(arguments) and arguments[at].startswith("-"):
        flag, is_joined, _ = arguments[at].partition("=")
        at += 2 if HYDRA_FLAGS.get(flag) and not is_joined else 1
    return at if at < len(arguments) and arguments[at] in COMMANDS else None


if __name__ == "__main__":
    sys.exit(main())
