"""Settings that can't be right: the command line says so, and shows no secret."""

import pytest
from pydantic import ValidationError

from hotslot.settings import Settings
from tests.command_line import Hotslot


@pytest.mark.parametrize("command", ["serve", "project", "projections check"])
@pytest.mark.parametrize("url", ["hotslot:s3cret@db/hotslot", "postgresql://u:s3cr%et@h/d"])
def test_an_address_of_no_database_is_refused_without_showing_its_password(
    hotslot: Hotslot, monkeypatch: pytest.MonkeyPatch, url: str, command: str
) -> None:
    monkeypatch.setenv("HOTSLOT_PORT", "0")
    monkeypatch.setenv("HOTSLOT_DATABASE_URL", url)
    ended = hotslot(*command.split())
    assert ended.status == 2
    assert "HOTSLOT_DATABASE_URL" in ended.err
    assert "s3cr" not in ended.out + ended.err


def test_an_empty_admin_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSLOT_ADMIN_KEY", "")
    assert Settings().admin_key is None


def test_an_admin_key_that_fits_no_header_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSLOT_ADMIN_KEY", "s3cret key")
    with pytest.raises(ValidationError, match="visible ASCII") as caught:
        Settings()
    assert "s3cret" not in str(caught.value)
