"""What to do about a refusal: the calls, written out."""

import msgspec


class Remedy(msgspec.Struct, frozen=True):
    """A way out of a refusal: what to do, and the call that does it."""

    action: str
    description: str


def deactivate(deployment: str) -> Remedy:
    """Give the slot back."""
    return Remedy("deactivate", f"Deactivate {deployment}: DELETE {_path(deployment)}/activation")


def unregister(deployment: str) -> Remedy:
    """End the role of a backup."""
    return Remedy("unregister", f"Unregister {deployment}: DELETE {_path(deployment)}/backup")


def activate(deployment: str) -> Remedy:
    """Take a slot."""
    return Remedy("activate", f"Activate {deployment}: PUT {_path(deployment)}/activation")


def unregister_and_activate(deployment: str) -> Remedy:
    """End the role of a backup, and take a slot then."""
    path = _path(deployment)
    return Remedy(
        "unregister-and-activate",
        f"Unregister {deployment}: DELETE {path}/backup, then activate it: PUT {path}/activation",
    )


def register(deployment: str) -> Remedy:
    """Stand by instead of taking a slot."""
    return Remedy(
        "register", f"Register {deployment} as a hot backup: PUT {_path(deployment)}/backup"
    )


def nominate(deployment: str, replaces: str | None = None) -> Remedy:
    """Have the backup take over, from a named active deployment if need be."""
    instead = f' with {{"replaces": "{replaces}"}}' if replaces else ""
    return Remedy(
        "nominate", f"Nominate {deployment}: POST {_path(deployment)}/nomination{instead}"
    )


def carry_another_file() -> Remedy:
    """Have the vendor sign a license file, and bring it here."""
    return Remedy(
        "carry-another-file",
        "Get a license file from the vendor anew, bring it here unchanged, and use that one.",
    )


def _path(deployment: str) -> str:
    return f"/v1/deployments/{deployment}"
