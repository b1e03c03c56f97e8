"""Exports of the log: all that an auditor needs to verify it elsewhere, in a folder or a zip."""
