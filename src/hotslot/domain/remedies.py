"""What to do about a refusal: the calls, written out."""

import msgspec

NAMED = 10
"""At most so many deployments are named in a refusal; the rest are counted."""


def names(deployments: tuple[str, ...]) -> str:
    """The deployments as a refusal or a remedy names them."""
    named = ", ".join(deployments[:NAMED])
    more = len(deployments) - NAMED
    return f"{named} and {more} more" if more > 0 else named


_FILE = '{"license_file": "{text of the file}"}'


class Remedy(msgspec.Struct, frozen=True):
    """A way out of a refusal: what to do, and the call that does it."""

    action: str
    description: str


def deactivate(deployment: str) -> Remedy:
    """Give the slot back."""
    return Remedy("deactivate", f"Deactivate {deployment}: DELETE {_path(deployment)}/activation")


def deactivate_one(actives: tuple[str, ...]) -> Remedy:
    """Give the slot back of the one that another is to take over from."""
    if not actives:
        return Remedy("deactivate", "Deactivate the active deployment: none is, so this is done.")
    if len(actives) == 1:
        return deactivate(actives[0])
    return Remedy(
        "deactivate",
        f"Deactivate the one to take over from, of {names(actives)}: "
        "DELETE /v1/deployments/{that one}/activation",
    )


def unregister(deployment: str) -> Remedy:
    """End the role of a backup."""
    return Remedy("unregister", f"Unregister {deployment}: DELETE {_path(deployment)}/backup")


def activate(deployment: str) -> Remedy:
    """Take a slot."""
    return Remedy("activate", f"Activate {deployment}: PUT {_path(deployment)}/activation")


def activate_with_file(deployment: str) -> Remedy:
    """Take a slot with a license file."""
    return Remedy(
        "activate",
        f"Activate {deployment} with a license file that is not bound to another: "
        f"PUT {_path(deployment)}/activation with {_FILE}",
    )


def unregister_and_activate(deployment: str, *, with_file: bool = False) -> Remedy:
    """End the role of a backup, and take a slot then, with a license file if need be."""
    path = _path(deployment)
    file = f" with {_FILE}" if with_file else ""
    return Remedy(
        "unregister-and-activate",
        f"Unregister {deployment}: DELETE {path}/backup, then activate it: "
        f"PUT {path}/activation{file}",
    )


def register(deployment: str) -> Remedy:
    """Stand by instead of taking a slot."""
    return Remedy(
        "register", f"Register {deployment} as a hot backup: PUT {_path(deployment)}/backup"
    )


def register_with_file(deployment: str) -> Remedy:
    """Stand by, with a license file."""
    return Remedy(
        "register",
        f"Register {deployment} with a license file, that of its active one for example: "
        f"PUT {_path(deployment)}/backup with {_FILE}",
    )


def nominate(deployment: str, replaces: str | None = None) -> Remedy:
    """Have the backup take over, from a named active deployment if need be."""
    instead = f' with {{"replaces": "{replaces}"}}' if replaces else ""
    return Remedy(
        "nominate", f"Nominate {deployment}: POST {_path(deployment)}/nomination{instead}"
    )


def carry_another_file(wanted: str = "the license file anew") -> Remedy:
    """Have the vendor sign a license file, and bring it here."""
    return Remedy(
        "carry-another-file",
        f"Have the vendor make {wanted}, bring it here unchanged, and use that one.",
    )


def carry_newer_file(wanted: str, deployment: str | None = None) -> Remedy:
    """Have the vendor change a license that came in a file, and show the new one here.

    Without a deployment it is any that has a role on the license.
    """
    role = "/v1/deployments/{one of the license}/{activation or backup, as it is}"
    if deployment is not None:
        role = f"{_path(deployment)}/activation"
    return Remedy(
        "carry-another-file",
        f"Have the vendor make a newer license file {wanted}, and show it: PUT {role} with {_FILE}",
    )


def _path(deployment: str) -> str:
    return f"/v1/deployments/{deployment}"
