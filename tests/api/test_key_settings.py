"""Where the keys of license files are: what is wrong with that is said when the server starts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hotslot.api.worker import environment_for_workers
from hotslot.settings import Settings
from tests.api.calls import Caller, done
from tests.api.sites import key_folder
from tests.command_line import Ended, Hotslot
from tests.serving import serving

PEM_LINE = 64
"""Characters of the line that holds an Ed25519 private key, in PKCS #8."""


Serve = Callable[..., Ended]


@pytest.fixture
def serve(hotslot: Hotslot) -> Serve:
    """A server that can't start. It is asked for a database that is not there, to be sure."""

    def serve(*flags: str, **settings: str) -> Ended:
        nowhere = {"HOTSLOT_PORT": "0", "HOTSLOT_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
        return hotslot("serve", *flags, **{**nowhere, **settings})

    return serve


Spoil = Callable[[Path], object]


def nothing_there(path: Path) -> None:
    assert not path.exists()


def no_keys_but_text(path: Path) -> None:
    path.mkdir()
    (path / "key.pem").write_text("nonsense")


def a_key_cut_short(path: Path) -> None:
    (file,) = key_folder(path).path.iterdir()
    file.write_text(file.read_text()[:80])


def a_key_that_all_may_read(path: Path) -> None:
    (file,) = key_folder(path).path.iterdir()
    file.chmod(0o644)


WRONG: list[tuple[Spoil, Sequence[str]]] = [
    (nothing_there, ["There is nothing at"]),
    (no_keys_but_text, ["key.pem", "PEM"]),
    (a_key_cut_short, ["cut short"]),
    (a_key_that_all_may_read, ["chmod 600"]),
]


@pytest.mark.parametrize("setting", ["HOTSLOT_SIGNING_KEYS", "HOTSLOT_TRUSTED_KEYS"])
@pytest.mark.parametrize(("spoil", "words"), WRONG, ids=[each[0].__name__ for each in WRONG])
def test_keys_that_cannot_be_used(
    serve: Serve, tmp_path: Path, setting: str, spoil: Spoil, words: Sequence[str]
):
    path = tmp_path / "keys"
    spoil(path)
    ended = serve(**{setting: str(path)})
    assert ended.status == 1
    assert ended.err.startswith(f"The server can't run. {setting}: ")
    assert str(path) in ended.err
    for word in words:
        assert word in ended.err
    assert "Traceback" not in ended.err
    lines = [line for file in path.glob("*.pem") for line in file.read_text().splitlines()]
    assert [line for line in lines if len(line) == PEM_LINE and line in ended.err] == []


@pytest.mark.parametrize("flag", ["--signing-keys", "--trusted-keys"])
def test_the_flag_stands_for_the_setting(serve: Serve, tmp_path: Path, flag: str):
    setting = "HOTSLOT_" + flag.removeprefix("--").upper().replace("-", "_")
    ended = serve(flag, str(tmp_path / "none"), **{setting: str(tmp_path)})
    assert (ended.status, f"{setting}: " in ended.err) == (1, True)


def test_keys_of_the_data_directory_that_cannot_be_used(serve: Serve, tmp_path: Path):
    a_key_cut_short(tmp_path / "signing-keys")
    ended = serve(HOTSLOT_DATA_DIR=str(tmp_path))
    assert (ended.status, "HOTSLOT_SIGNING_KEYS: " in ended.err) == (1, True)


def test_without_any_setting_there_need_be_no_keys(serve: Serve, tmp_path: Path):
    # It goes on to the database, which is not there.
    ended = serve(HOTSLOT_DATA_DIR=str(tmp_path), HOTSLOT_TRUSTED_KEYS="")
    assert "KEYS" not in ended.err


def test_one_file_of_a_key_serves(new_database: Callable[[], str], tmp_path: Path):
    (file,) = key_folder(tmp_path / "keys").path.iterdir()
    places = {"HOTSLOT_SIGNING_KEYS": str(file), "HOTSLOT_TRUSTED_KEYS": str(file)}
    with serving(new_database(), **places) as server, server.client() as http:
        api = Caller(http)
        carried = api.file(api.issued()).text
        assert done(api.activate("d", license_file=carried))["mode"] == "offline"


def test_workers_find_what_the_flags_said(tmp_path: Path):
    settings = Settings(data_dir=tmp_path, trusted_keys=tmp_path / "vendors")
    found = environment_for_workers("postgresql://", settings)
    assert found["HOTSLOT_SIGNING_KEYS"] == str(tmp_path / "signing-keys")
    assert found["HOTSLOT_TRUSTED_KEYS"] == str(tmp_path / "vendors")
    assert found["HOTSLOT_LOG_KEYS"] == str(tmp_path / "log-keys")
    assert found["HOTSLOT_LOG_ORIGIN"] == ""
    log = Settings(log_keys=tmp_path / "log", log_origin="licenses.example.com/v1/log")
    found = environment_for_workers("", log)
    assert found["HOTSLOT_LOG_KEYS"] == str(tmp_path / "log")
    assert found["HOTSLOT_LOG_ORIGIN"] == "licenses.example.com/v1/log"
    signing = Settings(signing_keys=tmp_path / "own")
    assert environment_for_workers("", signing)["HOTSLOT_SIGNING_KEYS"] == str(tmp_path / "own")


@pytest.mark.parametrize("origin", ["a b", "a+b", "ä", "x" * 256, "a\tb"])
def test_an_origin_that_can_name_no_key(serve: Serve, origin: str):
    ended = serve(HOTSLOT_LOG_ORIGIN=origin)
    assert (ended.status, "HOTSLOT_LOG_ORIGIN: " in ended.err) == (2, True)
