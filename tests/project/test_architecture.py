"""Imports point one way: api, cli -> projections -> ledger -> domain."""

from pathlib import Path

import pytest

from tests.project.layers import PARTS, violations

ROOT = Path(__file__).parents[2]


def test_imports_point_one_way():
    assert violations(ROOT) == []


def test_every_part_is_there():
    """A part that moved would be checked no more, without anyone noticing."""
    for part in PARTS:
        base = ROOT if part == "projections" else ROOT / "src"
        path = base.joinpath(*part.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), part


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("src/hotslot/domain/x.py", "import psycopg", "stay pure, but imports psycopg"),
        ("src/hotslot/domain/x.py", "import os.path", "stay pure, but imports os.path"),
        ("src/hotslot/domain/x.py", "from time import monotonic", "stay pure, but imports time"),
        ("src/hotslot/domain/x.py", "def f():\n    import random", "stay pure, but imports random"),
        ("src/hotslot/domain/x.py", "a = datetime.now(UTC)", "must not read a clock: .now"),
        ("src/hotslot/domain/x.py", "a = open('f')", "must do no I/O: open"),
        ("src/hotslot/domain/x.py", "from hotslot.ledger import tail", "import hotslot.ledger"),
        ("src/hotslot/domain/x.py", "from ..ledger import tail", "import hotslot.ledger"),
        ("src/hotslot/domain/x.py", "from .. import ledger", "import hotslot.ledger"),
        ("src/hotslot/domain/__init__.py", "from ..ledger import a", "import hotslot.ledger"),
        ("src/hotslot/domain/x.py", "from hotslot import settings", "import hotslot.settings"),
        ("src/hotslot/ledger/x.py", "import projections.slots", "import projections.slots"),
        ("src/hotslot/ledger/x.py", "from hotslot import api", "import hotslot.api"),
        ("src/hotslot/ledger/x.py", "import_module('hotslot.api')", "import hotslot.api"),
        ("src/hotslot/api/x.py", "from hotslot.cli.main import run", "import hotslot.cli.main"),
        ("src/hotslot/api/x.py", "from tests import conftest", "import tests"),
        ("projections/slots/x.py", "from hotslot.api import app", "import hotslot.api"),
        ("projections/slots/x.py", "import hotslot.licensefiles", "import hotslot.licensefiles"),
        ("src/hotslot/domain/x.py", "from hotslot import licensefiles", "hotslot.licensefiles"),
        ("src/hotslot/ledger/x.py", "import hotslot.licensefiles", "import hotslot.licensefiles"),
        ("src/hotslot/licensefiles/x.py", "import hotslot.ledger", "import hotslot.ledger"),
        ("src/hotslot/licensefiles/x.py", "import hotslot.settings", "import hotslot.settings"),
        ("src/hotslot/settings.py", "import hotslot.ledger", "import hotslot.ledger"),
        ("src/hotslot/extras/x.py", "import os", "belongs to no part"),
        ("src/hotslot_verify/x.py", "import hotslot.domain", "import hotslot.domain"),
        ("src/hotslot_verify/x.py", "from projections import proofs", "import projections"),
        ("src/hotslot_verify/x.py", "import msgspec", "stand alone, but imports msgspec"),
        ("src/hotslot/api/x.py", "import hotslot_verify", "import hotslot_verify"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, file: str, source: str, complaint: str):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(source)

    (found,) = violations(tmp_path)

    assert found.startswith(f"{file}:")
    assert complaint in found


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("src/hotslot/domain/x.py", "import msgspec\nfrom hotslot.domain.events import Event"),
        ("src/hotslot/domain/x.py", "from . import events\nfrom .events import Event"),
        ("src/hotslot/ledger/x.py", "import os\nfrom hotslot.domain import events"),
        ("projections/x.py", "from hotslot.ledger import tail\nfrom projections import slots"),
        ("src/hotslot/api/x.py", "import fastapi\nfrom projections.slots import queries"),
        ("src/hotslot/cli/x.py", "from hotslot.api.app import app\nimport projections"),
        ("src/hotslot/licensefiles/x.py", "import yaml\nfrom hotslot.domain import refusals"),
        ("src/hotslot/api/x.py", "from hotslot.licensefiles import KeyFolder"),
        ("src/hotslot_verify/x.py", "import cryptography.exceptions\nfrom hotslot_verify import y"),
    ],
)
def test_a_right_import_is_let_through(tmp_path: Path, file: str, source: str):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(source)

    assert violations(tmp_path) == []
