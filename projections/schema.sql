-- Where each projection stands. Applied once, under a lock, by install.install().

CREATE SCHEMA projections;

CREATE TABLE projections.positions (
    name       text        PRIMARY KEY,
    version    int         NOT NULL,  -- of the projection whose tables are the live ones
    position   bigint      NOT NULL DEFAULT 0,  -- the last event that the tables know of
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state      text        NOT NULL DEFAULT 'following' CHECK (state IN ('following', 'stopped')),
    error      text        -- why it stopped
) WITH (fillfactor = 50);  -- one row, rewritten with every batch: leave room for it in the page
