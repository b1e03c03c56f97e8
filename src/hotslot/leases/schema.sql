-- Leases. Applied once, under a lock, by schema.install().

CREATE SCHEMA leases;

-- The leases of each deployment: one row for each of its roles, rewritten by every renewal. Terms
-- are a license's own, so they name a role only together with it.
CREATE TABLE leases.leases (
    deployment      text        NOT NULL,
    license         text        NOT NULL,
    term            bigint      NOT NULL,
    seen_at         timestamptz NOT NULL,  -- when the newest lease was given
    expires_at      timestamptz NOT NULL,  -- when that one ends
    processes_since timestamptz,  -- the first one with the right to process was given; null: none
    processes_until timestamptz,  -- the last end of those: a newer lease may be shorter
    stood_down_at   timestamptz,  -- when it said, before their end, that it has stopped
    PRIMARY KEY (deployment, license, term)
) WITH (fillfactor = 50);  -- rewritten again and again: leave room for it in the page

-- Finds those who may still process under a license. It must not have the columns that renewals
-- change, or every renewal would write to it.
CREATE INDEX leases_that_process ON leases.leases (license) WHERE processes_since IS NOT NULL;

-- Keeps the ledger as it is until the transaction ends: the lock of ledger.lock(), shared with
-- others who give leases and with nobody who appends.
CREATE FUNCTION leases.hold_ledger() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock_shared(7305816410938441)
$$;

-- Whose end a deployment that waits for one has to await still: of those who lost an active role on
-- the license before its own began, the one whose lease ends last. No row when there is none, or
-- when it has begun to process. `serving` is who holds slots now: [{deployment, term}]; null is for
-- one that need not wait, and costs nothing.
CREATE FUNCTION leases.awaited(
    waiting text, on_license text, in_term bigint, serving json, now timestamptz
) RETURNS TABLE (deployment text, until timestamptz) LANGUAGE sql STABLE AS $$
    SELECT l.deployment, l.processes_until
      FROM leases.leases AS l
     WHERE serving IS NOT NULL
       AND l.license = on_license AND l.processes_since IS NOT NULL
       AND l.term < in_term AND l.processes_until > now AND l.stood_down_at IS NULL
       AND (l.deployment, l.term) NOT IN (
           SELECT s.deployment, s.term
             FROM json_to_recordset(serving) AS s (deployment text, term bigint))
       AND NOT EXISTS (
           SELECT FROM leases.leases AS own
            WHERE (own.deployment, own.license, own.term) = (waiting, on_license, in_term)
              AND own.processes_since IS NOT NULL)
     ORDER BY l.processes_until DESC LIMIT 1
$$;

-- Gives leases, or nothing at all: `stale` lists the streams that have moved on since they were
-- read. While it runs nothing is appended. So a nomination comes before it, and is seen here as a
-- stream that moved on; or after it, and then whoever decides by the nomination sees these leases.
-- One clock tells all times: the database's, since the servers' own may differ.
CREATE FUNCTION leases.grant(
    checks json,   -- {stream: version}: what the decisions rest on
    wanted json,   -- [{deployment, license, term, seconds, license_ends, process, serving}]: one
                   -- for each deployment; `serving` is for those who may have to wait, else null
    stopped json,  -- [{deployment}]: those who lost an active role and say that they have stopped
    OUT stale text[],
    OUT granted json  -- {head, at, leases: [{deployment, expires_at, processes, awaits, until}]}:
                      -- without those whose license has ended
) LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz;
BEGIN
    PERFORM leases.hold_ledger();
    SELECT array_agg(c.key) INTO stale
      FROM json_each_text(checks) AS c
     WHERE c.value::bigint <> coalesce(
        (SELECT max(e.version) FROM ledger.events AS e WHERE e.stream = c.key), 0);
    IF stale IS NOT NULL THEN
        RETURN;
    END IF;
    now := clock_timestamp();
    WITH given AS (
        SELECT w.deployment, w.license, w.term, a.deployment AS awaits, a.until,
               w.process AND a.deployment IS NULL AS processes,
               least(now + w.seconds * interval '1 s', w.license_ends) AS expires_at
          FROM json_to_recordset(wanted) AS w (
                deployment text, license text, term bigint, seconds int,
                license_ends timestamptz, process boolean, serving json)
          LEFT JOIN LATERAL
                leases.awaited(w.deployment, w.license, w.term, w.serving, now) AS a ON true
         WHERE w.license_ends IS NULL OR w.license_ends > now
    ), kept AS (
        INSERT INTO leases.leases AS l
               (deployment, license, term, seen_at, expires_at, processes_since, processes_until)
        SELECT g.deployment, g.license, g.term, now, g.expires_at,
               CASE WHEN g.processes THEN now END, CASE WHEN g.processes THEN g.expires_at END
          FROM given AS g
         ORDER BY g.deployment  -- in one order everywhere, or two batches could lock each other out
            ON CONFLICT ON CONSTRAINT leases_pkey DO UPDATE
           -- Another process may have written a later one meanwhile.
           SET seen_at = greatest(l.seen_at, excluded.seen_at),
               expires_at = CASE WHEN excluded.seen_at < l.seen_at THEN l.expires_at
                                 ELSE excluded.expires_at END,
               processes_since = least(l.processes_since, excluded.processes_since),
               processes_until = greatest(l.processes_until, excluded.processes_until)
    )
    SELECT json_build_object(
            'head', (SELECT coalesce(max(e.position), 0) FROM ledger.events AS e),
            'at', now,
            'leases', coalesce(json_agg(json_build_object(
                'deployment', g.deployment, 'expires_at', g.expires_at,
                'processes', g.processes, 'awaits', g.awaits, 'until', g.until)), '[]'))
      INTO granted
      FROM given AS g;
    IF json_array_length(stopped) > 0 THEN
        UPDATE leases.leases AS l SET stood_down_at = now
          FROM json_to_recordset(stopped) AS s (deployment text)
         WHERE l.deployment = s.deployment
           AND l.processes_until > now AND l.stood_down_at IS NULL;
    END IF;
END $$;
