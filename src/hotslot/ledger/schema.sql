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
    digest   bytea       NOT NULL,  -- SHA-256 of method, path and body: the same key with another is an error
    position bigint      NOT NULL,  -- the ledger position that the first answer shows
    answer   bytea       NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_by_age ON ledger.idempotency (at);

-- Appends a batch, or nothing at all: `stale` lists the streams that have moved on since they were
-- read, `repeated` the Idempotency-Keys that were used before. One batch at a time, in every
-- process: the lock makes commit order and position order the same, which followers rely on.
CREATE FUNCTION ledger.append(
    check_streams text[], check_versions bigint[],  -- what the decisions rest on
    streams text[], versions bigint[], types text[], states text[],
    idempotency_actors text[], idempotency_keys text[], idempotency_digests bytea[],
    idempotency_events int[],  -- the how-manieth event is the request's last; 0 is none
    idempotency_answers bytea[],
    OUT stale text[], OUT repeated text[], OUT head bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger.lock();
    SELECT array_agg(c.stream) INTO stale
      FROM unnest(check_streams, check_versions) AS c (stream, version)
     WHERE c.version <> coalesce(
        (SELECT max(e.version) FROM ledger.events AS e WHERE e.stream = c.stream), 0);
    IF idempotency_keys <> '{}' THEN
        SELECT array_agg(i.key) INTO repeated
          FROM unnest(idempotency_actors, idempotency_keys) AS n (actor, key)
          JOIN ledger.idempotency AS i USING (actor, key);
    END IF;
    SELECT coalesce(max(e.position), 0) INTO head FROM ledger.events AS e;
    IF stale IS NOT NULL OR repeated IS NOT NULL THEN
        RETURN;
    END IF;
    IF streams <> '{}' THEN
        INSERT INTO ledger.events (position, stream, version, type, state)
        SELECT append.head + n.i, n.stream, n.version, n.type, n.state::json
          FROM unnest(append.streams, append.versions, append.types, append.states)
               WITH ORDINALITY AS n (stream, version, type, state, i);
        PERFORM pg_notify('hotslot_ledger', (head + cardinality(streams))::text);
    END IF;
    IF idempotency_keys <> '{}' THEN
        INSERT INTO ledger.idempotency (actor, key, digest, position, answer)
        SELECT n.actor, n.key, n.digest,
               CASE WHEN n.event > 0 THEN append.head + n.event
                    ELSE append.head + cardinality(append.streams) END,
               n.answer
          FROM unnest(idempotency_actors, idempotency_keys, idempotency_digests,
                      idempotency_events, idempotency_answers)
               AS n (actor, key, digest, event, answer);
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
