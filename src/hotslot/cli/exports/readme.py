"""The README of an export: for an auditor who has never seen the product."""

from importlib.resources import files

from hotslot.cli.exports.signed import Signed


def readme(checkpoint: Signed) -> str:
    """Write the README of an export with this checkpoint."""
    at = "" if checkpoint.at is None else f", on {checkpoint.at:%Y-%m-%d at %H:%M:%S} UTC"
    text = (files("hotslot.cli.exports") / "for_auditors.md").read_text("utf-8")
    return text.format(origin=checkpoint.origin, size=checkpoint.size, at=at)
