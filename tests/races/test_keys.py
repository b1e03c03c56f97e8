"""API keys that one process makes and another revokes at once."""

from collections.abc import Callable

from tests.races.cluster import Cluster, Job, asking
from tests.races.wire import Answer, Connection, connected

Unique = Callable[[str], str]


def making_and_revoking(cluster: Cluster, key_id: str, elsewhere: int) -> Job:
    """Make a key here, revoke it in another process, and show it to that one once more."""

    async def job(here: Connection) -> Answer:
        made = await here.ask("POST", "/v1/keys", {"id": key_id, "role": "auditor"})
        assert made.status == 201, made
        async with connected(cluster.urls[elsewhere]) as (there,):
            revoked = await there.ask("DELETE", f"/v1/keys/{key_id}")
            assert revoked.status == 200, revoked
            assert revoked.body["revoked_at"] is not None
            again = await there.ask("DELETE", f"/v1/keys/{key_id}")
            assert again.status == 200, again
            assert again.body == revoked.body
            return await there.ask(
                "GET", "/v1/licenses", authorization=f"Bearer {made.body['key']}"
            )

    return job


def test_a_key_is_revoked_by_a_process_that_has_hardly_heard_of_it(
    cluster: Cluster, unique: Unique
):
    keys = [f"{i}-{unique('brief')}" for i in range(100)]
    answers = cluster.run(
        [
            making_and_revoking(cluster, key, (i + 1) % len(cluster.urls))
            for i, key in enumerate(keys)
        ]
    )
    assert {answer.status for answer in answers} == {401}


def test_a_key_that_four_processes_are_asked_for_at_once_is_made_once(
    cluster: Cluster, unique: Unique
):
    requests = [f"{i}-{unique('made')}" for i in range(25)]
    answers = cluster.run(
        [
            asking("POST", "/v1/keys", {"role": "auditor"}, Idempotency_Key=request)
            for request in requests
            for _ in "1234"
        ]
    )
    assert {answer.status for answer in answers} == {201}
    made = [
        {(answer.body["id"], answer.body["key"]) for answer in answers[i : i + 4]}
        for i in range(0, len(answers), 4)
    ]
    assert {len(same) for same in made} == {1}
    assert len(set.union(*made)) == len(requests)
