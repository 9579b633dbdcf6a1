"""Every writer of evalkit writes what is its own, or foreign words by the function of their medium: read off source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import ROOT

PACKAGE = ROOT / "evalkit"
SOURCES = sorted(PACKAGE.rglob("*.py"))
FILE_WRITERS = {"write", "write_text", "write_bytes", "writelines"}
SAFE = {"printable", "one_line", "Text", "decimal", "len"}  # of Text's argument the same is asked
NUMERIC = set("defgEFG%n,")  # at the end of a format that raises for a string
TO_A_TERMINAL = {
    *("sys.stdout.write", "sys.stderr.write", "print", "console.print", "console.log", "write", "Text", "TextColumn"),
    *("table.add_row", "table.add_column", "progress.add_task", "self.progress.add_task", "warnings.warn"),
}
OWN_WORDS = {  # module → argument → why nothing foreign is in it
    "__main__.py": {"f'evalkit {__version__}\\n'": "the version"},
    "commands/compare.py": {"table": "of Text"},
    "commands/door.py": {"story": "lines of printable", "'\\n'.join(lines) + '\\n'": "lines of printable"},
    "commands/help.py": {
        "f'{SLOGAN}\\n\\n{USAGE}\\n'": "ours",
        "f'\\nsettings of {command} (conf/{command}.yaml)\\n'": "one of the commands",
        "f'  {line}\\n'": "a line of conf/ as it is shipped",
        "f'\\n{group}=\\n'": "one of the groups",
        "FLAGS.get(command, FLAGS_OF_OTHERS)": "ours",
    },
    "commands/json_output.py": {"json_file(text) + '\\n'": "JSON, its controls escaped"},
    "commands/list.py": {"Padding(Text(printable(SEPARATOR.join(facts(run)))), (0, 0, 0, 2))": "of Text"},
    "commands/new_corpus.py": {"NEXT": "ours"},
    "commands/outcome.py": {"table": "of Text"},
    "commands/recommend.py": {"Padding(Text(printable(fact)), (0, 0, 0, 2))": "of Text"},
    "commands/show.py": {"table": "of Text"},
    "commands/store.py": {
        "inventory_table(items, bad)": "of Text",
        "name": "one of KEY_COLUMNS, or ours",
        "*key": "each a Text of printable",
        "days": "a number",
        "state": "one of two words",
    },
    "gate/terminal.py": {"table": "of Text"},
    "results/readme.py": {"'\\n'.join(tables()) + '\\n'": "the columns, as they are declared"},
    "results/table.py": {
        "*(cells[part] for part in layout.setting)": "each a Text of printable",
        "*figures": "each a Text of printable",
    },
    "search/engines/faiss/indexes.py": {
        "index": "an index, to FAISS's own writer",
        "faiss.PyCallbackIOWriter(count, IO_BLOCK_BYTES)": "FAISS's own",
    },
}
WRITES_FILES = {  # module → what keeps foreign words from being more than words in its files
    "commands/faults.py": "lines of printable",
    "commands/streams.py": "bytes to the standard streams",
    "corpora/new_corpus.py": "JSON, and qrels of ids that it made",
    "corpora/set_aside.py": "tab-separated: words with one space between, ids without tabs, the user's own lines",
    "corpora/texts.py": "UTF-8 between offsets, read back by evalkit alone",
    "embeddings/bill.py": "JSON",
    "embeddings/given_arrays.py": "ids, a line each, read back by evalkit alone",
    "embeddings/entries/claims.py": "JSON",
    "embeddings/entries/entry.py": "JSON and bytes of vectors",
    "embeddings/entries/parts.py": "JSON and bytes of vectors",
    "embeddings/timing.py": "JSON",
    "encoders/local/auto_runtime.py": "JSON",
    "recipes/export.py": "SQL and Python whose texts are literals, JSON",
    "system/files.py": "what its callers give it",
    "gate/output.py": "Markdown by media.markdown, JSON by media.json_file, XML by junitparser of media.one_line",
    "hub/download.py": "the bytes that were asked for",
    "hub/manifest.py": "JSON",
    "hub/snapshot.py": "a commit that was checked to be one",
    "measures/memory.py": "a constant for the kernel",
    "reports/views/files.py": "HTML and Markdown by media, CSV of media.csv_cell, SVG of media.one_line",
    "results/baselines.py": "sums and names of evalkit's own files",
    "results/exports.py": "JSON, and lines of media.is_trec_field",
    "results/readme.py": "evalkit's own README",
    "results/writer.py": "JSON and Parquet",
    "scaling/kept.py": "JSON",
}


def calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))


def is_own(value: ast.expr | None) -> bool:
    """Whether nothing foreign can be in ``value``: a constant, a number, or what a function of SAFE gave."""
    match value:
        case None | ast.Constant():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in SAFE
        case ast.FormattedValue(value=inner, format_spec=ast.JoinedStr(values=[*_, ast.Constant(value=str(spec))])):
            return spec[-1:] in NUMERIC or is_own(inner)
        case ast.FormattedValue(value=inner):
            return is_own(inner)
        case ast.JoinedStr(values=parts) | ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            return all(is_own(part) for part in parts)
        case ast.IfExp(body=body, orelse=other) | ast.BinOp(left=body, right=other):
            return is_own(body) and is_own(other)
        case ast.Starred(value=ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner)):
            return is_own(inner)
    return False


def to_terminals(file: Path) -> Iterator[str]:
    """The arguments of what writes to a terminal, but those that are shown to be evalkit's own or escaped."""
    for call in calls(file):
        if ast.unparse(call.func) in TO_A_TERMINAL:
            yield from (ast.unparse(argument) for argument in call.args if not is_own(argument))


def test_what_is_written_to_a_terminal_is_escaped_or_our_own() -> None:
    found = {str(file.relative_to(PACKAGE)): set(to_terminals(file)) for file in SOURCES}
    assert {name: words for name, words in found.items() if words} == {n: set(words) for n, words in OWN_WORDS.items()}


def test_files_are_written_by_modules_that_say_what_keeps_words_words() -> None:
    def writes(call: ast.Call) -> bool:
        name = ast.unparse(call.func)
        return name.rpartition(".")[2] in FILE_WRITERS and name not in {*TO_A_TERMINAL, "self.write"}

    writers = {str(file.relative_to(PACKAGE)) for file in SOURCES if any(map(writes, calls(file)))}
    assert writers == set(WRITES_FILES)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("sys.stderr.write(f'evalkit: {name}\\n')", 1),
        ("print(name)", 1),
        ("console.print(f'{name}')", 1),
        ("table.add_row(item.name)", 1),
        ("Text(name)", 1),
        ("sys.stdout.write('a' + name)", 1),
        ("Text(f'{name:>10}')", 1),
        ("table.add_row(*(name for name in names))", 1),
        ("say(f'evalkit: {name}')", 0),
        ("sys.stderr.write('done')", 0),
        ("table.add_row(Text(printable(name)), f'{count:,}')", 0),
        ("console.print(Text(printable(note)))", 0),
    ],
)
def test_writers_of_foreign_words_are_found_and_of_escaped_ones_not(source: str, found: int, tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(source)
    assert len(list(to_terminals(file))) == found
