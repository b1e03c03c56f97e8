-- The table of the peer: one row a deployment, rewritten by each lease.

CREATE TABLE lease (
    deployment text        PRIMARY KEY,
    license    text        NOT NULL,
    term       bigint      NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
