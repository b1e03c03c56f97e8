-- The ledger. Applied once, under a lock, by schema.install().

CREATE SCHEMA ledger;

-- Every event, in the one order of its positions. Rows are only ever added, by ledger.append.
CREATE TABLE ledger.events (
    position bigint PRIMARY KEY,
    stream   text   NOT NULL,
    version  bigint NOT NULL,
    type     text   NOT NULL,
    state    json   NOT NULL,  -- json, not jsonb: the stored bytes are what proofs are made of
    UNIQUE (stream, version)
);

-- Finds the API keys at start without reading the whole ledger.
CREATE INDEX events_of_keys ON ledger.events (position)
    WHERE type IN ('key.created', 'key.revoked');

-- State of a stream at a version, so that loading a long stream reads its last few events only.
CREATE TABLE ledger.snapshots (
    stream  text   PRIMARY KEY,
    version bigint NOT NULL,
    format  int    NOT NULL,  -- the shape of the state; others are passed over and made anew
    state   json   NOT NULL
);

-- What became of requests that carried an Idempotency-Key.
CREATE TABLE ledger.idempotency (
    actor    text        NOT NULL,
    key      text        NOT NULL,
    digest   text        NOT NULL,  -- SHA-256 of what was asked, in hex: it must be the same again
    position bigint      NOT NULL,  -- the ledger position that the first answer shows
    answer   json        NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_by_age ON ledger.idempotency (at);

-- Appends a batch, or nothing at all: `stale` lists the streams that have moved on since they were
-- read, `repeated` the Idempotency-Keys that were used before. One batch at a time, in every
-- process: the lock makes commit order and position order the same, which followers rely on.
CREATE FUNCTION ledger.append(
    checks json,   -- {stream: version}: what the decisions rest on
    events json,   -- [{stream, version, type, state}], in order
    requests json, -- [{actor, key, digest, last, answer}]: `last` is the how-manieth event is the
                   -- request's last; their Idempotency-Keys are recorded in the same transaction
    OUT stale text[], OUT repeated text[], OUT head bigint
) LANGUAGE plpgsql AS $$
DECLARE
    appended int := json_array_length(events);
BEGIN
    PERFORM ledger.lock();
    SELECT array_agg(c.key) INTO stale
      FROM json_each_text(checks) AS c
     WHERE c.value::bigint <> coalesce(
        (SELECT max(e.version) FROM ledger.events AS e WHERE e.stream = c.key), 0);
    IF json_array_length(requests) > 0 THEN
        SELECT array_agg(i.key) INTO repeated
          FROM json_to_recordset(requests) AS r (actor text, key text)
          JOIN ledger.idempotency AS i USING (actor, key);
    END IF;
    SELECT coalesce(max(e.position), 0) INTO head FROM ledger.events AS e;
    IF stale IS NOT NULL OR repeated IS NOT NULL THEN
        RETURN;
    END IF;
    IF appended > 0 THEN
        INSERT INTO ledger.events (position, stream, version, type, state)
        SELECT head + e.i, e.stream, e.version, e.type, e.state
          FROM ROWS FROM (
            json_to_recordset(events) AS (stream text, version bigint, type text, state json)
          ) WITH ORDINALITY AS e (stream, version, type, state, i);
        PERFORM pg_notify('hotslot_ledger', (head + appended)::text);
    END IF;
    IF json_array_length(requests) > 0 THEN
        INSERT INTO ledger.idempotency (actor, key, digest, position, answer)
        SELECT r.actor, r.key, r.digest, head + r.last, r.answer
          FROM json_to_recordset(requests)
               AS r (actor text, key text, digest text, last int, answer json);
    END IF;
END $$;

-- Held by whoever appends, until its transaction ends. An advisory lock, since a table lock would
-- also stand in the way of autovacuum.
CREATE FUNCTION ledger.lock() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(7305816410938441)
$$;

-- The same events under the names that the eventsourcing library uses, for its own readers.
CREATE VIEW ledger.notifications AS
SELECT stream AS originator_id, version AS originator_version, type AS topic,
       convert_to(state::text, 'UTF8') AS state, position AS notification_id
  FROM ledger.events;
