"""What to do about a refusal of the backend, in the calls of this instance."""

from hotslot.client import Refused

_NOMINATE = "nominate it: POST /admin/license/backup/nomination"
_REGISTER = "register it as a backup: POST /admin/license/backup"
_UNREGISTER = "unregister it: DELETE /admin/license/backup"
_DEACTIVATE = "deactivate it: POST /admin/license/deactivation"
_ACTIVATE = "activate it: POST /admin/license/activation, or POST /admin/license with a license.yml"
_GIVE_UP = f"If it is active, {_DEACTIVATE}. If it is a backup, {_UNREGISTER}."
_ASK_VENDOR = "Have the vendor of the license see to it, and repeat this call."

_BY_CODE = {
    "active-cannot-be-backup": f"First {_DEACTIVATE}. Then {_REGISTER}.",
    "offline-backup-cannot-be-nominated": (
        "In this order: deactivate the active instance (POST /admin/license/deactivation there); "
        f"then, here, {_UNREGISTER}; and then activate it: POST /admin/license with a license.yml "
        "that is not bound to another deployment."
    ),
    "bound-to-another-license": f"{_GIVE_UP} Then repeat this call.",
    # The activation key of one license does not get to see who holds a role on another.
    "unknown-deployment": (
        f"This instance may hold a role on another license. {_GIVE_UP} Then repeat this call."
    ),
    "no-free-slot": (
        "Deactivate an instance that holds a slot (POST /admin/license/deactivation there) and "
        f"repeat this call, or {_REGISTER}. With more slots from the vendor both can be active."
    ),
    "active-is-ambiguous": (
        "Repeat POST /admin/license/backup/nomination with a header `active-deployment-id` that "
        "names the one to replace."
    ),
    "replaced-is-not-active": (
        "Repeat POST /admin/license/backup/nomination with one that is active in the header "
        "`active-deployment-id`, or without it."
    ),
    "license-expired": _ASK_VENDOR,
    "license-suspended": _ASK_VENDOR,
    "license-revoked": _ASK_VENDOR,
    "unknown-license": _ASK_VENDOR,
    "unknown-activation-key": "Repeat this call with the activation key as the vendor gave it.",
    "license-file-required": (
        "Send the license.yml as application/octet-stream: POST /admin/license to activate this "
        "instance, POST /admin/license/backup to register it as a backup."
    ),
    "no-key": (
        "Activate this instance: POST /admin/license/activation. Or register it as a backup: POST "
        "/admin/license/backup with a header `activation-key`. License files take a node key."
    ),
}


def what_to_do(refused: Refused) -> str:
    """The ways out that this instance has calls for, as sentences; empty where there is none."""
    if refused.code in _BY_CODE:
        return _BY_CODE[refused.code]
    ways = {remedy.action for remedy in refused.remedies}
    match refused.code:
        case "backup-cannot-activate":
            unregister = f"{_UNREGISTER}, and then {_ACTIVATE}."
            # The backend doesn't name it for one that was registered in offline mode.
            nominate = f"{_NOMINATE}. Or " if "nominate" in ways else ""
            return _sentence(f"{nominate}{unregister}")
        case "not-active" if "unregister" in ways:
            return _sentence(f"{_UNREGISTER}.")
        case "not-a-backup" if "deactivate" in ways:
            return _sentence(f"{_DEACTIVATE}.")
        case "not-a-backup" if "register" in ways:
            return _sentence(f"{_REGISTER}.")
    return ""


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
