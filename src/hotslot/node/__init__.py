"""The node: one product instance, that does only what its lease says it may.

- `identity` is who it is, and that it is the only one on its data directory; `memory` is what it
  knows after a restart.
- `lease` is a token of the backend, verified with `trusted_keys`; `clock` and `pace` say how long
  it lasts and when to renew it.
- `lease_keeper` holds the current one. Everything else asks it: `may("process")`, each time.
- `registration` changes the role; `app` puts all parts together.
"""
