"""A backup instance that is to be activated: the error, and what to do instead."""

from tests.api.calls import Caller, done, refused
from tests.specification.sentences import sentence

Names = tuple[str, str, str]

INSTEAD = "Instead you should either do following:"


@sentence(
    "If you try to activate a MetaDefender Core instance which is currently registered as a backup "
    "one (using POST - Activate license onlineAPI) then expecting to hit error."
)
def test_activating_a_backup_is_an_error(api: Caller, names: Names):
    license_id = api.issued(slots=5)
    done(api.register(names[1], license_id))
    refused(api.activate(names[1], license_id), 409, "backup-cannot-activate")
    assert api.deployment(names[1])["role"] == "backup"
    assert api.license(license_id)["slots"]["used"] == 0


@sentence(INSTEAD, "Nominate that backup instance (see below)")
def test_the_first_way_is_to_nominate_it(api: Caller, licensed: str, names: Names):
    done(api.register(names[1], licensed))
    told = refused(api.activate(names[1], licensed), 409, "backup-cannot-activate")
    assert told["remedies"][0]["action"] == "nominate"
    assert f"POST /v1/deployments/{names[1]}/nomination" in told["remedies"][0]["description"]
    assert done(api.nominate(names[1]))["deployment"]["role"] == "active"


@sentence(
    INSTEAD,
    "Unregister that backup instance (see below), and then activate it using POST - Activate "
    "license onlineAPI",
)
def test_the_second_way_is_to_unregister_and_then_activate_it(api: Caller, names: Names):
    license_id = api.issued()
    done(api.register(names[1], license_id))
    told = refused(api.activate(names[1], license_id), 409, "backup-cannot-activate")
    assert [remedy["action"] for remedy in told["remedies"]][1:] == ["unregister-and-activate"]
    first, _, then = told["remedies"][1]["description"].partition("then")
    assert f"DELETE /v1/deployments/{names[1]}/backup" in first
    assert f"PUT /v1/deployments/{names[1]}/activation" in then
    done(api.unregister(names[1]))
    assert done(api.activate(names[1], license_id))["role"] == "active"
