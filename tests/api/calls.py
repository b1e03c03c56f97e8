"""The calls of the API as the tests make them, and what they want of an answer."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.api.shapes import PROBLEM, REFUSAL, differences

PATIENCE_SECONDS = 20.0

Headers = Mapping[str, str]


class Caller:
    """A client that knows the paths; every method gives the answer as it came."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def issue(self, headers: Headers | None = None, **body: Any) -> httpx.Response:
        asked = {"product": "scanner", "customer": "acme", "slots": 1, **body}
        return self.http.post("/v1/licenses", json=asked, headers=headers)

    def issued(self, **body: Any) -> str:
        """The id of a license that was issued for this test."""
        return str(done(self.issue(**body), 201)["id"])

    def change(
        self, license_id: str, kind: str, headers: Headers | None = None, **body: Any
    ) -> httpx.Response:
        """Renewal, resize, suspension, reinstatement or revocation."""
        return self.http.post(f"/v1/licenses/{license_id}/{kind}", json=body, headers=headers)

    def activate(
        self,
        deployment: str,
        license_id: str | None = None,
        headers: Headers | None = None,
        **body: Any,
    ) -> httpx.Response:
        return self._take("activation", deployment, license_id, headers, body)

    def register(
        self,
        deployment: str,
        license_id: str | None = None,
        headers: Headers | None = None,
        **body: Any,
    ) -> httpx.Response:
        return self._take("backup", deployment, license_id, headers, body)

    def _take(
        self,
        role: str,
        deployment: str,
        license_id: str | None,
        headers: Headers | None,
        body: dict[str, Any],
    ) -> httpx.Response:
        asked = body if license_id is None else {"license": license_id, **body}
        return self.http.put(f"/v1/deployments/{deployment}/{role}", json=asked, headers=headers)

    def deactivate(self, deployment: str, headers: Headers | None = None) -> httpx.Response:
        return self.http.delete(f"/v1/deployments/{deployment}/activation", headers=headers)

    def unregister(self, deployment: str, headers: Headers | None = None) -> httpx.Response:
        return self.http.delete(f"/v1/deployments/{deployment}/backup", headers=headers)

    def nominate(
        self, deployment: str, headers: Headers | None = None, **body: Any
    ) -> httpx.Response:
        return self.http.post(
            f"/v1/deployments/{deployment}/nomination", json=body, headers=headers
        )

    def lease(self, deployment: str, headers: Headers | None = None, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/deployments/{deployment}/lease", json=body, headers=headers)

    def file(
        self, license_id: str, deployment: str | None = None, headers: Headers | None = None
    ) -> httpx.Response:
        asked = {} if deployment is None else {"deployment": deployment}
        return self.http.get(f"/v1/licenses/{license_id}/file", params=asked, headers=headers)

    def license(self, license_id: str, **asked: Any) -> Any:
        return self._read(f"/v1/licenses/{license_id}", asked)

    def deployment(self, deployment: str, **asked: Any) -> Any:
        return self._read(f"/v1/deployments/{deployment}", asked)

    def holders(self, license_id: str, **asked: Any) -> Any:
        return self._read(f"/v1/licenses/{license_id}/deployments", asked)

    def tenures(self, license_id: str, **asked: Any) -> Any:
        return self._read(f"/v1/licenses/{license_id}/tenures", asked)

    def trail(self, **asked: Any) -> list[Any]:
        """The entries of the audit trail, oldest first; one page has to hold them."""
        page = self._read("/v1/audit", {"limit": 1000, **asked})
        assert page["next"] is None
        entries: list[Any] = page["entries"]
        return entries

    def _read(self, path: str, asked: dict[str, Any]) -> Any:
        """A read that is asked again while the machine is too busy for the view to catch up."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.http.get(path, params=asked)
            behind = answer.status_code == 503 and answer.json()["code"] == "projection-behind"
            if not behind or time.monotonic() > deadline:
                return done(answer)

    def head(self) -> int:
        """The last position of the ledger, as the database has it."""
        return int(done(self.http.get("/readyz"))["ledger"])

    def key(self, role: str, headers: Headers | None = None, **body: Any) -> httpx.Response:
        return self.http.post("/v1/keys", json={"role": role, **body}, headers=headers)


def done(response: httpx.Response, status: int = 200) -> Any:
    """What a call that was carried out answers."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def problem(response: httpx.Response, status: int, code: str) -> Any:
    """The problem that a call is answered with."""
    told = response.json()
    assert (response.status_code, told["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert told["status"] == status
    assert told["request_id"] == response.headers["x-request-id"]
    told.pop("errors", None)  # the fields of invalid input
    assert differences(told, REFUSAL if "remedies" in told else PROBLEM) == []
    return told


def refused(response: httpx.Response, status: int, code: str) -> Any:
    """The problem of a command that a rule turned down: it has remedies, if there are any."""
    told = problem(response, status, code)
    assert "remedies" in told
    return told


def position_of(response: httpx.Response) -> int:
    """The ledger position that an answer shows."""
    return int(response.headers["hotslot-position"])


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until it holds, with a limit."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not come about in time."
        time.sleep(0.02)


def in_a_moment() -> str:
    """A time by which a few calls are certainly answered, and that can be waited for."""
    return (datetime.now(UTC) + timedelta(seconds=2)).isoformat()


def until_expired(api: Caller, license_id: str) -> None:
    """Wait for the end of a license by time."""
    eventually(lambda: bool(api.license(license_id)["status"] == "expired"))
