"""docs/core-api.md has the calls that there are, and no others; its texts are those of the code."""

import re
from pathlib import Path

import pytest

from hotslot.node.app import create_app
from hotslot.node.core_api import config, license, sessions, throttle  # noqa: A004
from tests.node.core_api.served import Instance

PAGE = (Path(__file__).parents[3] / "docs" / "core-api.md").read_text("utf-8")


def test_every_call_is_documented_and_no_others(alone: Instance):
    documented = set(re.findall(r"^\| `([A-Z]+) (/\S+)` \|", PAGE, re.MULTILINE))
    calls = {
        (method.upper(), path)
        for path, methods in create_app(alone.node).openapi()["paths"].items()
        for method in methods
    }
    assert documented == calls


@pytest.mark.parametrize(
    "text",
    [
        license.REGISTERED,
        license.UNREGISTERED,
        license.NOMINATED,
        license.INVALID_LICENSE,
        license.NEVER,
        license.KEY_HEADER,
        license.ACTIVE_HEADER,
        *config._LEFT_ALONE,
        f"{sessions.IDLE_SECONDS // 60} minutes",
        f"{sessions.LONGEST_SECONDS // 3600} hours",
        f"{sessions.MOST:,} at most",
        f"After {throttle.FREE_TRIES} failed logins",
        f"up to {throttle.LONGEST_WAIT_SECONDS:.0f} s",
    ],
)
def test_texts_and_limits_are_those_of_the_code(text: str):
    assert text in PAGE


def test_every_field_of_the_license_is_documented(alone: Instance):
    for name in alone.http.get("/admin/license").json():
        assert f"`{name}`" in PAGE
