"""The verifier as the tests call it: in this process, on an export in a folder."""

import io
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from hotslot_verify import program as program_
from hotslot_verify import verify as verifier
from hotslot_verify.program import Report
from hotslot_verify.verify import Checkpoint
from tests.verify.logs import Signer, export


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


Verify = Callable[..., Report]
Program = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verify(tmp_path: Path, signer: Signer) -> Verify:
    """Verifies leaves that were signed as they are."""

    def call(leaves: Sequence[bytes], *, last: str | None = None) -> Report:
        note = signer.note(leaves)
        folder = export(tmp_path / "export", leaves, note)
        return verify_folder(folder, signer, last=last)

    return call


def verify_folder(folder: Path, signer: Signer, *, last: str | None = None) -> Report:
    keys = [verifier.read_key(signer.vkey)]
    seen: Checkpoint | None = (last and verifier.read_checkpoint(last.encode(), keys)) or None
    note = program_.open_source(str(folder)).get("checkpoint", program_.SMALL)
    assert note is not None
    return Report(
        *verifier.verify(
            partial(program_.open_source, str(folder)), note, keys, seen, io.StringIO().write
        )
    )


def found(report: Report) -> list[tuple[str, int | None]]:
    return [(problem.rule, problem.index) for problem in report.problems]


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """Runs it in this process; answers with exit status, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hotslot-verify", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            program_.run()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call
