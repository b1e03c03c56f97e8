"""Commands that race for the same thing, in four processes: the rules hold all the same.

Each test counts what was answered and then folds what the ledger recorded, in its order.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from tests.races.cluster import (
    Cluster,
    activating,
    asking,
    issuing,
    nominating,
    registering,
    shuffled,
)
from tests.races.wire import Answer

Unique = Callable[[str], str]
LICENSES = 50


def all_done(answers: Iterable[Answer]) -> None:
    assert Counter(answer.status for answer in answers).keys() <= {200, 201}


def actives_of(cluster: Cluster, like: str) -> dict[str, list[set[str]]]:
    """Who was active on each license after each of its events."""
    history: dict[str, list[set[str]]] = defaultdict(lambda: [set()])
    for position, stream, kind, data in cluster.events(f"license:{like}"):
        active = set(history[stream][-1])
        match kind:
            case "license.deployment-activated":
                assert data["deployment"] not in active, position
                active.add(data["deployment"])
            case "license.deployment-deactivated":
                active.remove(data["deployment"])
            case "license.backup-nominated":
                # Exactly one was released, and it was active just before.
                if data["replaced"] is not None:
                    assert data["replaced"] in active, position
                    active.remove(data["replaced"])
                active.add(data["deployment"])
        history[stream].append(active)
    return history


def test_five_slots_are_given_five_times(cluster: Cluster, unique: Unique):
    licenses = [f"{i}-{unique('race')}" for i in range(LICENSES)]
    all_done(cluster.run([issuing(name, slots=5) for name in licenses]))
    jobs = [(name, activating(f"d{i}-{name}", name)) for name in licenses for i in range(8)]
    jobs = shuffled(jobs)
    answers = cluster.run([job for _, job in jobs])
    told = Counter((name, answer.code) for (name, _), answer in zip(jobs, answers, strict=True))
    assert told == Counter(
        {(name, code): n for name in licenses for code, n in ((None, 5), ("no-free-slot", 3))}
    )
    history = actives_of(cluster, f"%{unique('race')}")
    assert len(history) == LICENSES
    assert {len(states[-1]) for states in history.values()} == {5}
    assert max(len(state) for states in history.values() for state in states) == 5
    shown = cluster.run([asking("GET", f"/v1/licenses/{name}") for name in licenses])
    assert all(answer.body["slots"] == {"total": 5, "used": 5, "free": 0} for answer in shown)


def test_two_licenses_never_get_one_deployment(cluster: Cluster, unique: Unique):
    one, other = unique("one"), unique("other")
    all_done(cluster.run([issuing(one, slots=100), issuing(other, slots=100)]))
    deployments = [f"{i}-{unique('wanted')}" for i in range(LICENSES)]
    # Both for each, right behind one another, so that two clients of two processes have them.
    jobs = [
        make(name, license_id)
        for i, name in enumerate(deployments)
        for license_id in (one, other)
        for make in ((activating, registering)[i % 2],)
    ]
    answers = cluster.run(jobs)
    for first, second in zip(answers[::2], answers[1::2], strict=True):
        assert {first.code, second.code} == {None, "bound-to-another-license"}
    bound: dict[str, str] = {}
    for position, stream, kind, data in cluster.events(f"deployment:%{unique('wanted')}"):
        assert kind == "deployment.bound", position
        assert stream not in bound, position
        bound[stream] = data["license"]
    assert len(bound) == LICENSES
    held = [
        data["deployment"]
        for name in (one, other)
        for _, _, kind, data in cluster.events(f"license:{name}")
        if kind in {"license.deployment-activated", "license.backup-registered"}
    ]
    assert sorted(held) == sorted(deployments)


def test_each_nomination_releases_the_one_that_was_active(cluster: Cluster, unique: Unique):
    licenses = [f"{i}-{unique('swap')}" for i in range(10)]
    all_done(cluster.run([issuing(name) for name in licenses]))
    all_done(cluster.run([activating(f"a-{name}", name) for name in licenses]))
    backups = [(f"{i}-{name}", name) for name in licenses for i in range(6)]
    all_done(cluster.run([registering(*backup) for backup in backups]))
    answers = cluster.run([nominating(deployment) for deployment, _ in backups])
    all_done(answers)
    history = actives_of(cluster, f"%{unique('swap')}")
    assert len(history) == len(licenses)
    assert {len(state) for states in history.values() for state in states[2:]} == {1}
    # Nobody was released twice, nobody but the last one is left.
    replaced = [answer.body["replaced"]["id"] for answer in answers]
    assert len(set(replaced)) == len(replaced) == len(backups)
    assert trail(cluster, unique("swap")) == sorted(replaced)
    left = {deployment for states in history.values() for deployment in states[-1]}
    everyone = {f"a-{name}" for name in licenses} | {deployment for deployment, _ in backups}
    assert left == everyone - set(replaced)


def test_one_of_those_that_would_replace_the_same_one_does(cluster: Cluster, unique: Unique):
    licenses = [f"{i}-{unique('named')}" for i in range(10)]
    all_done(cluster.run([issuing(name, slots=2) for name in licenses]))
    all_done(cluster.run([activating(f"{d}-{name}", name) for name in licenses for d in "ab"]))
    backups = [(f"{i}-{name}", name) for name in licenses for i in range(6)]
    all_done(cluster.run([registering(*backup) for backup in backups]))
    answers = cluster.run([nominating(backup, f"a-{name}") for backup, name in backups])
    told = Counter((name, answer.code) for (_, name), answer in zip(backups, answers, strict=True))
    assert told == Counter(
        {
            (name, code): n
            for name in licenses
            for code, n in ((None, 1), ("replaced-is-not-active", 5))
        }
    )
    for name, states in actives_of(cluster, f"%{unique('named')}").items():
        assert len(states[-1]) == 2, name
        assert f"b-{name.removeprefix('license:')}" in states[-1]


def test_a_request_that_four_processes_get_at_once_has_one_effect(cluster: Cluster, unique: Unique):
    keys = [f"{i}-{unique('key')}" for i in range(25)]
    # Without an id, each request that is carried out makes a license of its own.
    body = {"product": unique("once"), "customer": "acme", "slots": 1}
    answers = cluster.run(
        [asking("POST", "/v1/licenses", body, Idempotency_Key=key) for key in keys for _ in "1234"]
    )
    all_done(answers)
    made = []
    for i in range(0, len(answers), 4):
        same = answers[i : i + 4]
        assert len({(a.body["id"], a.body["activation_key"]) for a in same}) == 1
        assert sum("idempotent-replayed" not in answer.headers for answer in same) == 1
        made.append(same[0].body["id"])
    issued = [
        data["license"]
        for _, _, kind, data in cluster.events("license:lic-%")
        if kind == "license.issued" and data["product"] == unique("once")
    ]
    assert sorted(issued) == sorted(made)
    assert len(set(made)) == len(keys)


def trail(cluster: Cluster, mark: str) -> list[str]:
    """Whom the nominations of the audit trail replaced."""
    replaced: list[str] = []
    path: str | None = "/v1/audit?type=license.backup-nominated&limit=1000"
    while path is not None:
        (answer,) = cluster.run([asking("GET", path)])
        page: Any = answer.body
        replaced += [
            entry["data"]["replaced"]
            for entry in page["entries"]
            if entry["license"].endswith(mark)
        ]
        path = page["next"] and (
            f"/v1/audit?type=license.backup-nominated&limit=1000&cursor={page['next']}"
        )
    return sorted(replaced)
