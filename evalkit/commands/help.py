"""``--help``: the commands, every group with its choices, and how a call looks. Starts nothing heavy."""

import sys
from collections.abc import Mapping, Sequence

from evalkit.commands.arguments import check_folder
from evalkit.commands.json_output import COMMANDS as COMMANDS_WITH_JSON
from evalkit.config import GROUPS
from evalkit.config.input.files import conf_dir, group_choices, user_conf_dirs
from evalkit.errors import printable

SLOGAN = "Embed once, score many: quality, bytes and latency of every dims × quantization × index."
USAGE = """\
python -m evalkit [command] [key=value ...] [--config-dir <folder of own configs>]

  python -m evalkit model=bge dims=256
  python -m evalkit 'dims=[64,128,256,384]' 'quantization=[float32,int8,binary]' 'corpus=[pydoc,cranfield]'
  python -m evalkit -m model=minilm,bge          one run per model
  python -m evalkit corpus=<folder>
"""

FLAGS_OF_OTHERS = "Flag: --config-dir <folder of own configs>.\n"
WITH_JSON = "Flags: --config-dir <folder of own configs>, --json (one value on stdout instead of words).\n"
FLAGS = {
    "run": "Flags of Hydra: -m (sweep, first or last), --config-dir, --cfg job (print the composed config).\n",
    **dict.fromkeys(COMMANDS_WITH_JSON, WITH_JSON),
}


def print_help(command: str, commands: Mapping[str, str], arguments: Sequence[str]) -> None:
    """Write the help text to stdout. Raises UserError for a ``--config-dir`` that can't be read."""
    for folder in user_conf_dirs(arguments):
        check_folder(folder)
    write = sys.stdout.write
    write(f"{SLOGAN}\n\n{USAGE}\n")
    write("commands\n")
    write_pairs(commands)
    if command == "run":
        for group in GROUPS:
            if choices := group_choices(group, user_conf_dirs(arguments)):
                write(f"\n{group}=\n")
                write_pairs(choices)
    write(f"\nsettings of {command} (conf/{command}.yaml)\n")
    for line in settings_lines(command):
        write(f"  {line}\n")
    write("\n")
    write(FLAGS.get(command, FLAGS_OF_OTHERS))


def write_pairs(pairs: Mapping[str, str]) -> None:
    width = max(len(name) for name in pairs)
    for name, text in pairs.items():
        sys.stdout.write(f"  {printable(name.ljust(width))}  {printable(text)}\n")


def settings_lines(command: str) -> list[str]:
    """The settings part of conf/<command>.yaml, with its comments."""
    text = (conf_dir() / f"{command}.yaml").read_text(encoding="utf-8")
    body = text.partition("\n\n")[2].partition("\nhydra:")[0]
    return body.rstrip().splitlines()
