-- The tree over the ledger. Names have no schema, so that the same table can be built beside the
-- live one.

-- Hashes of full subtrees of 1, 16, 256… leaves (levels 0, 1, 2…), from left to right. The tiles of
-- C2SP's tlog-tiles are made of every second level, and all else is computed from these. Rows are
-- only ever added.
CREATE TABLE hashes (
    level int    NOT NULL,
    index bigint NOT NULL,
    hash  bytea  NOT NULL,
    PRIMARY KEY (level, index)
);
