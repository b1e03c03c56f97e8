"""The documentation is complete, and says nothing that is not so."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic_settings import BaseSettings

from docs import generate
from hotslot.api.app import create_app
from hotslot.cli.main import app as command_line
from hotslot.domain import events, refusals
from hotslot.node.settings import NodeSettings
from hotslot.settings import ClientSettings, Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
CODE = "\n".join(
    block or span for block, span in re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", TEXT, re.DOTALL)
)
SOURCES = sorted(
    path for folder in ("src", "projections") for path in (ROOT / folder).rglob("*.py")
)
API = (ROOT / "docs" / "api.md").read_text("utf-8")
DOCUMENT: dict[str, Any] = create_app("").openapi()
VARIABLE = re.compile(r"\bHOTSLOT_[A-Z_]*[A-Z]\b")
COMMANDS = dict(generate.commands(typer.main.get_command(command_line)))


def undocumented(names: Iterable[str]) -> list[str]:
    """Those of `names` that no page has."""
    return [name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", TEXT)]


def variables(kind: type[BaseSettings]) -> list[str]:
    prefix = kind.model_config.get("env_prefix", "")
    return [f"{prefix}{name.upper()}" for name in kind.model_fields]


VARIABLES = [name for kind in (Settings, ClientSettings, NodeSettings) for name in variables(kind)]


def metrics() -> set[str]:
    """The metrics that the sources define, by the names that a scrape shows."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            kind = getattr(node.func, "id", getattr(node.func, "attr", ""))
            name = node.args[0]
            if isinstance(name, ast.Constant) and str(name.value).startswith("hotslot_"):
                plain = str(name.value).removesuffix("_total")
                found.add(f"{plain}_total" if kind.startswith("Counter") else plain)
    return found


def test_a_gap_would_be_found():
    assert undocumented(["GET /v1/licenses", "HOTSLOT_NONE", "icenses"]) == [
        "HOTSLOT_NONE",
        "icenses",
    ]


@pytest.mark.parametrize("page", generate.PAGES)
def test_generated_pages_are_fresh(page: str):
    assert page not in generate.stale(), "run `make docs`"


def test_every_event_and_refusal_is_documented():
    assert undocumented([*events.CATALOGUE, *refusals.CATALOGUE]) == []


def test_every_setting_is_documented():
    assert undocumented(VARIABLES) == []


def named_variables() -> set[str]:
    """The variables that the sources and the files beside them name."""
    files = [*SOURCES, ROOT / "Makefile", ROOT / "docker-compose.yml", ROOT / "Dockerfile"]
    return {name for file in files for name in VARIABLE.findall(file.read_text("utf-8"))}


def test_every_environment_variable_is_documented():
    assert "HOTSLOT_DATABASE_URL" in named_variables()
    assert undocumented(named_variables()) == []


def test_no_variable_is_documented_that_is_none():
    known = {*VARIABLES} | named_variables()
    assert set(VARIABLE.findall(TEXT)) - known == set()


def documented_routes() -> set[tuple[str, str]]:
    """Method and path of every call in the API's table."""
    return set(re.findall(r"^\| `([A-Z]+) (\S+)` \|", plain(API), re.MULTILINE))


def plain(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_every_route_is_documented_and_no_others():
    routes = {
        (method.upper(), plain(path))
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
    }
    own = {("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/metrics")}
    assert len(routes) > 20
    assert routes - documented_routes() == set()
    assert documented_routes() - routes - own == set()


def test_every_parameter_and_header_is_documented():
    parameters = {
        parameter["name"]
        for operations in DOCUMENT["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] in ("query", "header")
    }
    assert "as_of" in parameters
    assert [name for name in parameters if not re.search(rf"[`?]{name}[=`:]", API)] == []


def test_every_error_code_is_documented():
    sources = "".join(path.read_text("utf-8") for path in SOURCES if "api" in path.parts)
    codes = set(re.findall(r"""(?:code=|ProblemError\(\s*\d+,\s*)"([a-z-]+)\"""", sources))
    assert "unauthenticated" in codes
    assert undocumented(codes) == []


def test_every_metric_is_documented():
    assert metrics()
    assert undocumented(metrics()) == []


def test_every_command_and_option_is_documented():
    assert len(COMMANDS) > 10
    options = {
        option
        for command in COMMANDS.values()
        for each in command.params
        for option in each.opts
        if option.startswith("--")
    }
    assert undocumented([*COMMANDS, *options]) == []


def test_no_command_is_documented_that_is_none():
    """Every `hotslot ...` in the documentation begins with the words of a real command."""
    known = {*COMMANDS, *(usage.rsplit(" ", 1)[0] for usage in COMMANDS)}
    for words in re.findall(r"(?m)(?:^|\bexec |[$=/] ?|`)(hotslot(?: [a-z]+(?:-[a-z]+)*)+)", CODE):
        first = " ".join(words.split()[:2])
        assert first in known, words
        if first not in COMMANDS and len(words.split()) > 2:
            assert " ".join(words.split()[:3]) in COMMANDS, words


def test_make_targets_are_documented_and_no_others():
    targets = set(re.findall(r"(?m)^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8")))
    assert undocumented(f"make {target}" for target in targets - {"help", "format"}) == []
    typed = re.findall(r"(?m)(?:^|`|[$=] ?|&& )make ([a-z-]+)", CODE)
    assert typed
    assert set(typed) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        target, _, anchor = link.partition("#")
        if target.startswith("https://"):
            continue
        path = page.parent / target if target else page
        assert path.exists(), link
        if anchor:
            headings = re.findall(r"(?m)^#+ (.*)$", path.read_text("utf-8"))
            anchors = [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings]
            assert anchor in anchors, link
