"""License files as the vendor's server makes them, and the keys that verify them."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hotslot.licensefiles import KeyFolder
from tests.api.calls import Caller, done, position_of, problem, refused
from tests.api.shapes import SIGNING_KEYS, WEB_KEYS, differences
from tests.api.sites import Vendor, now, vendor_at
from tests.serving import serving

YAML = "application/yaml"


@pytest.fixture
def lic(vendor: Vendor, unique: Callable[[str], str]) -> str:
    return vendor.issued(id=unique("lic"), slots=2, expires_at="2999-01-01T00:00:00Z")


def test_a_license_file_says_what_the_license_is(vendor: Vendor, lic: str):
    answer = vendor.file(lic, "p")
    assert (answer.status_code, answer.headers["content-type"]) == (200, YAML)
    assert answer.headers["content-disposition"] == 'attachment; filename="license.yml"'
    assert answer.headers["cache-control"] == "no-store"
    said = yaml.safe_load(answer.content)
    signature = said.pop("signature")
    assert signature.keys() == {"algorithm", "key", "value"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", said.pop("issued_at"))
    assert said == {
        "format": "hotslot-license-file/1",
        "license": lic,
        "product": "scanner",
        "customer": "acme",
        "slots": "2",
        "expires_at": "2999-01-01T00:00:00.000000Z",
        "rights": ["process", "engines.download", "engines.upload", "engines.deploy"],
        "deployment": "p",
    }


def test_a_file_for_any_deployment_of_a_license_without_an_end(vendor: Vendor):
    said = yaml.safe_load(vendor.carried(vendor.issued()))
    assert said["expires_at"] == "never"
    assert "deployment" not in said


def test_making_a_file_is_an_event(vendor: Vendor, lic: str):
    etag = vendor.http.get(f"/v1/licenses/{lic}").headers["etag"]
    answer = vendor.file(lic, "p", {"Hotslot-Reason": "site%20north"})
    said = yaml.safe_load(answer.content)
    (entry,) = vendor.trail(license=lic, type="license.file-issued")
    assert (entry["position"], entry["reason"]) == (position_of(answer), "site north")
    data = entry["data"]
    assert (data["deployment"], data["issued_at"]) == ("p", said["issued_at"])
    assert data["key"] == said["signature"]["key"] == vendor.signing.id
    # The license is what it was: who has its ETag may go on.
    assert vendor.http.get(f"/v1/licenses/{lic}").headers["etag"] == etag


def test_the_digest_of_the_event_is_that_of_the_signed_bytes(vendor: Vendor, lic: str):
    said = yaml.safe_load(vendor.carried(lic))
    (entry,) = vendor.trail(license=lic, type="license.file-issued")
    assert hashlib.sha256(signed_bytes(said)).hexdigest() == entry["data"]["digest"]


def signed_bytes(said: dict[str, Any]) -> bytes:
    content = {name: value for name, value in said.items() if name != "signature"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"hotslot-license-file/1\n{canonical}".encode()


def test_anyone_can_verify_a_file_with_what_is_public(vendor: Vendor, lic: str):
    said = yaml.safe_load(vendor.carried(lic, "p"))
    signature = base64.b64decode(said["signature"]["value"])
    with httpx.Client(base_url=vendor.http.base_url, trust_env=False) as anyone:
        web_keys = anyone.get("/.well-known/jwks.json").json()["keys"]
        listed = anyone.get("/v1/signing-keys").json()["keys"]
    kid = said["signature"]["key"]
    (x,) = (key["x"] for key in web_keys if key["kid"] == kid)
    from_jwks = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "="))
    from_jwks.verify(signature, signed_bytes(said))
    (pem,) = (key["public_key"] for key in listed if key["id"] == kid)
    from_pem = load_pem_public_key(pem.encode())
    assert isinstance(from_pem, Ed25519PublicKey)
    assert from_pem == from_jwks


def test_while_nothing_changes_it_is_the_same_file_and_nothing_is_recorded(
    vendor: Vendor, lic: str
):
    first = vendor.file(lic, "p")
    after = vendor.head()
    for _ in range(3):
        assert vendor.file(lic, "p").content == first.content
    done(vendor.activate("elsewhere-" + lic, lic))  # who holds slots is not in the file
    assert vendor.file(lic, "p").content == first.content
    assert vendor.head() == after + 2


@pytest.mark.parametrize(
    "change",
    [
        lambda vendor, lic: vendor.change(lic, "resize", slots=5),
        lambda vendor, lic: vendor.change(lic, "renewal", expires_at=None),
        lambda vendor, lic: vendor.file(lic, "q"),
        lambda vendor, lic: vendor.file(lic),
    ],
    ids=["slots", "expiry", "another deployment", "any deployment"],
)
def test_after_a_change_it_is_a_newer_file(
    vendor: Vendor, lic: str, change: Callable[[Vendor, str], httpx.Response]
):
    first = yaml.safe_load(vendor.carried(lic, "p"))
    assert change(vendor, lic).status_code == 200
    second = yaml.safe_load(vendor.carried(lic, "p"))
    assert second["issued_at"] > first["issued_at"]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("suspension", {}, "license-suspended"),
        ("revocation", {}, "license-revoked"),
        ("renewal", {"expires_at": "2020-01-01T00:00:00Z"}, "license-expired"),
    ],
)
def test_no_file_of_a_license_that_gives_no_rights(
    vendor: Vendor, lic: str, kind: str, body: dict[str, Any], code: str
):
    done(vendor.change(lic, kind, **body))
    before = vendor.head()
    refused(vendor.file(lic), 403, code)
    assert vendor.head() == before + 1


def test_no_file_of_an_unknown_license(vendor: Vendor):
    before = vendor.head()
    refused(vendor.file("never-issued"), 404, "unknown-license")
    assert vendor.head() == before


@pytest.mark.parametrize("bad", ["", "../x", "a b", "x" * 129, "a\nb"])
def test_a_deployment_that_is_none(vendor: Vendor, lic: str, bad: str):
    before = vendor.head()
    assert "deployment" in problem(vendor.file(lic, bad), 422, "invalid-input")["detail"]
    assert vendor.head() == before


@pytest.mark.parametrize("query", ["deploymnet=p", "deployment=p&deployment=q", "deployment=p&x=1"])
def test_a_query_that_says_something_else_makes_no_file_for_any(
    vendor: Vendor, lic: str, query: str
):
    before = vendor.head()
    problem(vendor.http.get(f"/v1/licenses/{lic}/file?{query}"), 422, "invalid-input")
    assert vendor.head() == before


def test_a_stale_precondition(vendor: Vendor, lic: str):
    before = vendor.head()
    answer = vendor.file(lic, headers={"If-Match": '"1-valid"'})
    problem(answer, 412, "precondition-failed")
    assert vendor.head() == before


# Once, by Idempotency-Key.


def test_a_repeat_gets_the_first_file_whatever_came_since(
    vendor: Vendor, lic: str, unique: Callable[[str], str]
):
    once = {"Idempotency-Key": unique("file")}
    first = vendor.file(lic, "p", once)
    done(vendor.change(lic, "resize", slots=7))
    assert vendor.file(lic, "p").content != first.content
    done(vendor.change(lic, "revocation"))
    before = vendor.head()
    again = vendor.file(lic, "p", once)
    assert (again.content, position_of(again)) == (first.content, position_of(first))
    assert again.headers["content-type"] == YAML
    assert again.headers["idempotent-replayed"] == "true"
    assert vendor.head() == before


def test_the_same_key_for_another_deployment_is_refused(
    vendor: Vendor, lic: str, unique: Callable[[str], str]
):
    once = {"Idempotency-Key": unique("file")}
    assert vendor.file(lic, "p", once).status_code == 200
    for other in ("q", None):
        problem(vendor.file(lic, other, once), 422, "idempotency-key-reused")


# Keys: made, rotated, revoked, lost.


@pytest.fixture
def other(new_database: Callable[[], str], tmp_path: Path) -> Iterator[Vendor]:
    """A vendor whose keys a test may spoil."""
    with vendor_at(new_database(), tmp_path) as other:
        yield other


def listed(vendor: Vendor) -> dict[str, str]:
    answer = done(vendor.http.get("/v1/signing-keys"))
    assert differences(answer, SIGNING_KEYS) == []
    return {key["id"]: key["status"] for key in answer["keys"]}


def web_keys(vendor: Vendor) -> set[str]:
    answer = vendor.http.get("/.well-known/jwks.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jwk-set+json")
    assert differences(answer.json(), WEB_KEYS) == []
    return {key["kid"] for key in answer.json()["keys"]}


def test_keys_are_rotated_with_overlap_and_revoked_without_a_restart(
    other: Vendor, unique: Callable[[str], str]
):
    lic, once = other.issued(), {"Idempotency-Key": "before"}
    first = other.signing.id
    carried = other.file(lic, headers=once).content.decode()
    assert listed(other) == {first: "signing"}
    second = other.keys.generate(now()).id
    assert listed(other) == {first: "verifying", second: "signing"}
    assert web_keys(other) == {first, second}
    newer = other.carried(lic)
    assert yaml.safe_load(newer)["signature"]["key"] == second
    done(other.register("b", license_file=carried))
    # The key of the first answer signs no more, and another signature would not be that answer.
    problem(other.file(lic, headers=once), 409, "signing-key-replaced")
    other.keys.revoke(first)
    assert listed(other) == {first: "revoked", second: "signing"}
    assert web_keys(other) == {second}
    refused(other.register("c", license_file=carried), 403, "license-file-key-revoked")
    done(other.register("c", license_file=newer))


def test_a_repeat_of_what_was_done_with_a_file_outlives_its_key(other: Vendor):
    lic, once = other.issued(), {"Idempotency-Key": "by-the-first-key"}
    carried = other.carried(lic)
    first = done(other.register("b", license_file=carried, headers=once))
    other.keys.revoke(other.signing.id)
    before = other.head()
    assert done(other.register("b", license_file=carried, headers=once)) == first
    assert other.head() == before


def test_without_a_key_no_file_is_made_until_there_is_one(
    new_database: Callable[[], str], tmp_path: Path
):
    with (
        serving(new_database(), HOTSLOT_DATA_DIR=str(tmp_path)) as server,
        server.client() as http,
    ):
        api = Caller(http)
        lic = api.issued()
        before = api.head()
        told = problem(api.file(lic), 503, "no-signing-key")
        assert "hotslot keys generate-signing" in told["detail"]
        assert done(http.get("/v1/signing-keys")) == {"keys": []}
        assert http.get("/.well-known/jwks.json").json() == {"keys": []}
        # Where a key would not help, none is asked for.
        problem(api.file("no-such-license"), 404, "unknown-license")
        assert api.head() == before
        KeyFolder(tmp_path / "signing-keys").generate(now())
        assert api.file(lic).status_code == 200
        # A key that is not in force any more is as none.
        keys = KeyFolder(tmp_path / "signing-keys")
        keys.revoke(keys.read().listed[0].id)
        problem(api.file(lic), 503, "no-signing-key")


SPOILT: dict[str, Callable[[Path], object]] = {
    "cut short": lambda file: file.write_text(file.read_text()[:60]),
    "open to others": lambda file: file.chmod(0o644),
    "not a key": lambda file: file.write_text("nonsense"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_keys_that_cannot_be_read_any_more(
    new_database: Callable[[], str], tmp_path: Path, spoil: Callable[[Path], object]
):
    keys = KeyFolder(tmp_path / "signing-keys")
    keys.generate(now())
    (file,) = keys.path.iterdir()
    whole = file.read_bytes()
    log = tmp_path / "server.log"
    places = {"HOTSLOT_SIGNING_KEYS": str(keys.path), "log": log}
    with serving(new_database(), **places) as server, server.client() as http:  # type: ignore[arg-type]
        api = Caller(http)
        lic = api.issued()
        carried = api.file(lic).text
        spoil(file)
        before = api.head()
        for answer in (
            api.file(lic),
            http.get("/v1/signing-keys"),
            http.get("/.well-known/jwks.json"),
            api.activate("d", license_file=carried),
        ):
            told = problem(answer, 503, "license-file-keys-unreadable")
            assert str(tmp_path) not in told["detail"]
        assert api.head() == before
        # All else goes on.
        done(api.activate("d", lic))
        file.write_bytes(whole)
        file.chmod(0o600)
        done(api.register("e", license_file=carried))
    assert str(file) in log.read_text()
    secret = whole.decode().splitlines()[1]
    assert secret not in log.read_text()
