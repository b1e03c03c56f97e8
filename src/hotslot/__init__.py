"""Hotslot: an event-sourced licensing backend with hot-swap backups."""

__version__ = "0.1.0"
