"""The thin HTTP API: routes, authentication, problems."""
