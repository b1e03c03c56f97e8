"""Engines: published, taken in with distrust, deployed, and scanned with."""
