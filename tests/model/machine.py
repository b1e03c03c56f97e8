# mypy: disallow-untyped-calls=False
"""Drives the server and the model with the same commands, and compares whatever can be seen."""

import copy
import http.client
import itertools
import json
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.model import NOBODY, Model
from tests.serving import ADMIN_KEY

PAST, FUTURE = "2000-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"
ALL = ["a", "b", "c", "d", "e"]
CHANGES = {
    "resize": 6,
    "renewal": 2,
    "end": 2,
    "suspension": 2,
    "reinstatement": 2,
    "revocation": 0.5,
    "issue": 1,
}
COMMANDS = {
    "activate": 5,
    "register": 6,
    "nominate": 5,
    "deactivate": 2,
    "unregister": 2,
    "alter": 5,
}

_examples = itertools.count(1)


class Seen(NamedTuple):
    """An answer, without what differs from one request to the next."""

    status: int
    body: Any
    position: int

    @property
    def code(self) -> str | None:
        return self.body["code"] if self.status >= 400 else None


class Api:
    """A connection to a server, kept open."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Seen:
        """Send a request; `key` is its Idempotency-Key."""
        headers = {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        seen = json.loads(answer.read())
        seen.pop("request_id", None)
        return Seen(answer.status, seen, int(answer.headers["Hotslot-Position"]))

    def head(self) -> int:
        """The ledger's last position."""
        ready = self.ask("GET", "/readyz").body
        position: int = ready["ledger"]
        return position

    def close(self) -> None:
        self._connection.close()


class Machine(RuleBasedStateMachine):
    """One example: a few licenses and deployments that no other example uses."""

    def __init__(self, api: Api) -> None:
        super().__init__()
        self.api = api
        self.mark = f"x{next(_examples)}"
        self.keys = itertools.count(1)
        self.model = Model()
        self.start = self.head = api.head()
        # The state as of each position, from the one before the first command on.
        self.history: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, {})]

    # True chance, and one rule: what hypothesis draws by itself leaves out most kinds of commands
    # in most examples, and repeats itself, which makes for many refusals and few nominations.
    @rule(chance=st.randoms(use_true_random=True))
    def act(self, chance: Random) -> None:
        """Carry out some command."""
        (name,) = chance.choices(list(COMMANDS), list(COMMANDS.values()))
        getattr(self, name)(chance)

    @initialize(chance=st.randoms(use_true_random=True))
    def issue_both(self, chance: Random) -> None:
        for name in "lm":
            self.issue(name, chance)

    @precondition(lambda self: any(self.model.status(name) != "valid" for name in "lm"))
    @rule(chance=st.randoms(use_true_random=True))
    def heal(self, chance: Random) -> None:
        """Make valid again what can be, or most of an example would be spent on refusals."""
        for name in "lm":
            for change in ("reinstatement", "renewal"):
                self.change(name, change, chance)

    def issue(self, name: str, chance: Random) -> None:
        slots = chance.randint(1, 3)
        body = {"id": self.named(name), "product": "p", "customer": "c", "slots": slots}
        self.command(self.model.issue(name, slots), "POST", "/v1/licenses", body, chance)

    def alter(self, chance: Random) -> None:
        (change,) = chance.choices(list(CHANGES), list(CHANGES.values()))
        if change == "issue":
            self.issue(chance.choice("lm"), chance)
        else:
            self.change(_license_of(chance), change, chance)

    def change(self, name: str, change: str, chance: Random) -> None:
        slots = chance.randint(1, 3)
        asked: dict[str, tuple[dict[str, Any], Any]] = {
            "resize": ({"slots": slots}, {"slots": slots}),
            "renewal": ({"expires_at": FUTURE}, {"expires_at": FUTURE}),
            "end": ({"expires_at": PAST}, {"expires_at": PAST}),
            "suspension": ({"suspended": True}, None),
            "reinstatement": ({"suspended": False}, {}),
            "revocation": ({"revoked": True}, {}),
        }
        fields, body = asked[change]
        code = self.model.alter(name, **fields)
        path = f"/v1/licenses/{self.named(name)}/{change.replace('end', 'renewal')}"
        self.command(code, "POST", path, body, chance)

    def activate(self, chance: Random) -> None:
        d, name = self.one_that_is(None, chance), _license_of(chance)
        code = self.model.take("active", d, name)
        body = {"license": self.named(name)}
        self.command(code, "PUT", self.path(d, "activation"), body, chance)

    def register(self, chance: Random) -> None:
        d, name = self.one_that_is(None, chance), _license_of(chance)
        standby_for = chance.choice([None, None, *ALL])
        code = self.model.take("backup", d, name, standby_for)
        body = {"license": self.named(name), "standby_for": self.named(standby_for)}
        self.command(code, "PUT", self.path(d, "backup"), body, chance)

    def deactivate(self, chance: Random) -> None:
        d = self.one_that_is("active", chance)
        code = self.model.leave("active", d)
        self.command(code, "DELETE", self.path(d, "activation"), None, chance)

    def unregister(self, chance: Random) -> None:
        d = self.one_that_is("backup", chance)
        code = self.model.leave("backup", d)
        self.command(code, "DELETE", self.path(d, "backup"), None, chance)

    def nominate(self, chance: Random) -> None:
        d = self.one_that_is("backup", chance)
        replaces = chance.choice([None, None, None, *ALL])
        body = {"replaces": self.named(replaces)}
        foreseen = self.api.ask("POST", self.path(d, "nomination"), body | {"dry_run": True})
        code = self.model.nominate(d, replaces)
        done = self.command(code, "POST", self.path(d, "nomination"), body, chance)
        assert (foreseen.status, foreseen.code) == (done.status, done.code)
        if done.code is None:
            active = [[each["deployment"] for each in _active(seen)] for seen in (foreseen, done)]
            assert active[0] == active[1]

    def one_that_is(self, role: str | None, chance: Random) -> str:
        """A deployment: mostly one in this role, or nearly every command would be refused."""
        fitting = [d for d in ALL if self.model.deployments.get(d, NOBODY)[0] == role]
        return chance.choice(fitting * 4 + ALL)

    def command(self, code: str | None, method: str, path: str, body: Any, chance: Random) -> Seen:
        """Send what the model has carried out already, or refused with a code."""
        key = chance.choice([None, f"{self.mark}-{next(self.keys)}"])
        seen = self.api.ask(method, path, body, key)
        note(f"{method} {path} {body}: {seen.status} {seen.code}, position {seen.position}")
        assert seen.code == code
        steps, self.model.steps = copy.deepcopy(self.model.steps), []
        recorded = seen.position - self.head
        if not steps:
            assert recorded <= (0 if code is None else 1)
            steps = [self.history[-1]]
        each, left = divmod(recorded, len(steps))
        assert left == 0
        for step in steps:
            self.history += [step] * each
        self.head = seen.position
        if key is not None:
            assert self.api.ask(method, path, body, key) == seen
        return seen

    @invariant()
    def everything_is_as_the_model_has_it(self) -> None:
        assert self.api.head() == self.head
        self.compare(*self.history[-1])

    def teardown(self) -> None:
        for offset, (licenses, deployments) in enumerate(self.history):
            self.compare(licenses, deployments, f"?as_of={self.start + offset}")

    def compare(
        self, licenses: dict[str, Any], deployments: dict[str, Any], as_of: str = ""
    ) -> None:
        model = Model()
        model.licenses, model.deployments = licenses, deployments
        for name in ("l", "m"):
            seen = self.api.ask("GET", f"/v1/licenses/{self.named(name)}{as_of}")
            assert self.shown_license(seen) == _license(model, name), as_of
        for d in ALL:
            seen = self.api.ask("GET", f"/v1/deployments/{self.named(d)}{as_of}")
            assert self.shown_deployment(seen) == _deployment(model, d), as_of

    def named(self, name: str | None) -> str | None:
        return None if name is None else f"{name}-{self.mark}"

    def plain(self, name: str | None) -> str | None:
        return None if name is None else name.removesuffix(f"-{self.mark}")

    def path(self, d: str, what: str) -> str:
        return f"/v1/deployments/{self.named(d)}/{what}"

    def shown_license(self, seen: Seen) -> Any:
        if seen.status == 404:
            return None
        shown = seen.body
        assert shown["slots"]["free"] == shown["slots"]["total"] - shown["slots"]["used"]
        assert shown["slots"]["used"] == len(shown["active"])
        assert shown["backup_count"] == len(shown["backups"])
        return {
            "status": shown["status"],
            "expires_at": shown["expires_at"],
            "term": shown["term"],
            "slots": shown["slots"]["total"],
            "active": [self.plain(each["deployment"]) for each in shown["active"]],
            "backups": {
                self.plain(each["deployment"]): self.plain(each["standby_for"])
                for each in shown["backups"]
            },
        }

    def shown_deployment(self, seen: Seen) -> Any:
        shown = seen.body
        may = shown["capabilities"]
        return {
            "holds": (
                None if shown["role"] == "unlicensed" else shown["role"],
                self.plain(shown["license"]),
                self.plain(shown["standby_for"]),
            ),
            "may": (may["process"], may["engines.deploy"], may["administer"]),
        }


def _license_of(chance: Random) -> str:
    return chance.choices(["l", "m", "unknown"], [12, 6, 1])[0]


def _active(seen: Seen) -> Any:
    return seen.body["license"]["active"]


def _license(model: Model, name: str) -> Any:
    if name not in model.licenses:
        return None
    holding = model.deployments.items()
    return {
        "status": model.status(name),
        "expires_at": model.licenses[name]["expires_at"],
        "term": model.licenses[name]["term"],
        "slots": model.licenses[name]["slots"],
        "active": model.actives(name),
        "backups": {
            d: standby_for
            for d, (role, lic, standby_for) in holding
            if (role, lic) == ("backup", name)
        },
    }


def _deployment(model: Model, d: str) -> Any:
    holds = model.deployments.get(d, NOBODY)
    is_valid = holds[1] is not None and model.status(holds[1]) == "valid"
    return {"holds": holds, "may": (holds[0] == "active" and is_valid, is_valid, True)}
