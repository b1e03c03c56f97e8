-- Checkpoints of the ledger. Applied once, under a lock, by schema.install().

CREATE SCHEMA checkpoints;

-- What the ledger is known by, wherever its database is copied to.
CREATE TABLE checkpoints.identity (
    ledger uuid    NOT NULL DEFAULT gen_random_uuid(),
    single boolean PRIMARY KEY DEFAULT true CHECK (single)
);
INSERT INTO checkpoints.identity DEFAULT VALUES;

-- Every checkpoint that was ever signed: auditors hold some, and all must stay as they were told.
CREATE TABLE checkpoints.checkpoints (
    number    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- in order; may have gaps
    size      bigint      NOT NULL CHECK (size > 0),
    root      bytea       NOT NULL CHECK (octet_length(root) = 32),
    signed_at timestamptz NOT NULL,  -- by the database's clock, which may be set back
    key       text        NOT NULL,  -- the verifier key
    note      text        NOT NULL   -- what was signed, with its signatures
);

-- Finds the first one of a size.
CREATE INDEX checkpoints_by_size ON checkpoints.checkpoints (size, number);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints.identity
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
