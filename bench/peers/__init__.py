"""The services that Hotslot is measured against, on the same framework, driver and server."""
