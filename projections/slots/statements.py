"""The SQL of the reads of the slots projection. All find their rows by index.

A state "at" a position is that after the event there. What stands in braces is put in below, or by
the reads: a column, a parameter or another part.
"""

from typing import LiteralString

BACKUPS_SHOWN = 100
"""How many backups a license shows of itself; `holders` has them all."""

BACKUPS_READ = BACKUPS_SHOWN + 1
"""One more: a nomination takes one away, and the answer still shows as many as there are."""

ACTIVE_NAMED = 100
"""How many active deployments a step of a replay names; it counts them all."""

# A license at a position: the last of its states until then.
STATE_AT: LiteralString = """
  JOIN LATERAL (
    SELECT * FROM slots.states AS s
     WHERE s.license = l.license AND s.position <= {at}
     ORDER BY s.position DESC LIMIT 1) AS s ON true
"""
STATE = STATE_AT.format(at="%(position)s")

# What a license shows of itself, without its deployments.
LICENSE_COLUMNS = """
       l.license, l.product, l.customer, s.slots, s.expires_at, s.suspended, s.revoked, s.term,
       s.used, s.backup_count, s.position
"""

# How a tenure is shown among those of its license.
HOLDER = """
json_agg(json_build_object('deployment', t.deployment, 'role', t.role, 'mode', t.mode,
    'since', t.from_at, 'position', t.from_position, 'standby_for', t.standby_for)
"""

# Who holds a role on the license now: the actives in the order in which they became it, and the
# first of the backups by seat.
HOLDERS_SHOWN_NOW = f"""
       (SELECT {HOLDER} ORDER BY t.from_position)::text
          FROM slots.tenures AS t
         WHERE t.license = l.license AND t.role = 'active' AND t.to_position IS NULL),
       (SELECT {HOLDER} ORDER BY t.seat)::text
          FROM (SELECT * FROM slots.tenures AS t
                 WHERE t.license = l.license AND t.role = 'backup' AND t.to_position IS NULL
                 ORDER BY t.seat LIMIT {BACKUPS_READ}) AS t)
"""  # noqa: S608 - made of the constants above

# Those who held a role on a license at a position, by seat. Each seat in turn is asked for its last
# tenure that began until then, until as many are found as are wanted: neither the length of the
# history nor the number of all holders matters.
SEATS_AT: LiteralString = """
WITH RECURSIVE walk AS (
    SELECT {seat} AS seat, 0 AS found, false AS held, NULL::text COLLATE "C" AS deployment,
           NULL::text COLLATE "C" AS role, NULL::text COLLATE "C" AS mode,
           NULL::timestamptz AS from_at, NULL::bigint AS from_position,
           NULL::text COLLATE "C" AS standby_for
    UNION ALL
    SELECT w.seat + 1, w.found + t.held::int, t.held, t.deployment, t.role, t.mode, t.from_at,
           t.from_position, t.standby_for
      FROM walk AS w
     CROSS JOIN LATERAL (
        SELECT *, to_position IS NULL OR to_position > {at} AS held
          FROM slots.tenures
         WHERE tenures.license = {license} AND tenures.role = {role}
           AND tenures.seat = w.seat + 1 AND from_position <= {at}
         ORDER BY from_position DESC LIMIT 1) AS t
     WHERE w.found < {wanted})
"""

# As HOLDERS_SHOWN_NOW, at a position. There are no more of them than the license's state counts, so
# that the walk ends with the last one.
ACTIVE_AT = SEATS_AT.format(
    seat="0", license="l.license", role="'active'", at="%(position)s", wanted="s.used"
)
BACKUPS_AT = SEATS_AT.format(
    seat="0",
    license="l.license",
    role="'backup'",
    at="%(position)s",
    wanted="least(s.backup_count, %(backups)s)",
)
HOLDERS_SHOWN_AT = f"""
       ({ACTIVE_AT} SELECT {HOLDER} ORDER BY t.from_position)::text FROM walk AS t WHERE t.held),
       ({BACKUPS_AT} SELECT {HOLDER} ORDER BY t.seat)::text FROM walk AS t WHERE t.held)
"""  # noqa: S608 - made of the constants above

# One license with those who hold a role on it.
LICENSE_NOW = f"""
SELECT {LICENSE_COLUMNS}, {HOLDERS_SHOWN_NOW}
  FROM slots.licenses AS l {STATE}
 WHERE l.license = %(license)s
"""  # noqa: S608 - made of the constants above

# One license at a position, with those who held a role on it then.
LICENSE_AS_OF = f"""
SELECT {LICENSE_COLUMNS}, {HOLDERS_SHOWN_AT}
  FROM slots.licenses AS l {STATE}
 WHERE l.license = %(license)s
"""  # noqa: S608 - made of the constants above

# The licenses of a page: those that were there, and had a status at a time.
LICENSES_BY_ID = """
   AND l.license > %(after)s AND l.position <= %(position)s
   AND (%(status)s::text IS NULL OR %(status)s::text = CASE
        WHEN s.revoked THEN 'revoked'
        WHEN s.suspended THEN 'suspended'
        WHEN s.expires_at <= %(now)s THEN 'expired'
        ELSE 'valid' END)
 ORDER BY l.license LIMIT %(limit)s
"""

# Licenses by id: of all customers, or of one.
LICENSES: LiteralString = f"""
SELECT {LICENSE_COLUMNS}, {{holders}}
  FROM slots.licenses AS l {STATE}
 WHERE true {LICENSES_BY_ID}
"""  # noqa: S608 - made of the constants above
LICENSES_OF_CUSTOMER: LiteralString = f"""
SELECT {LICENSE_COLUMNS}, {{holders}}
  FROM slots.licenses AS l {STATE}
 WHERE l.customer = %(customer)s {LICENSES_BY_ID}
"""  # noqa: S608 - made of the constants above

# The last tenure of a deployment that began by a position, with its license as of then.
DEPLOYMENT = f"""
SELECT t.deployment, t.license, t.role, t.mode, t.standby_for, t.term, t.from_position, t.from_at,
       t.to_position, t.to_at, l.customer, s.expires_at, s.suspended, s.revoked
  FROM (SELECT * FROM slots.tenures
         WHERE deployment = %(deployment)s AND from_position <= %(position)s
         ORDER BY from_position DESC LIMIT 1) AS t
  JOIN slots.licenses AS l USING (license) {STATE}
"""  # noqa: S608 - made of the constants above

# Who holds a role on a license now, by role and seat.
HOLDERS_NOW = """
SELECT deployment, role, mode, from_at, from_position, standby_for, seat
  FROM slots.tenures
 WHERE license = %(license)s AND to_position IS NULL
   AND (role, seat) > (%(role)s, %(seat)s) AND role <= %(last_role)s
 ORDER BY role, seat LIMIT %(limit)s
"""

# Who held a role on a license at a position, by seat.
SEATS_ASKED = SEATS_AT.format(
    seat="%(seat)s::int",
    license="%(license)s",
    role="%(role)s",
    at="%(position)s",
    wanted="%(limit)s",
)
HOLDERS_AS_OF = f"""
{SEATS_ASKED}
SELECT deployment, role, mode, from_at, from_position, standby_for, seat
  FROM walk WHERE held ORDER BY seat
"""  # noqa: S608 - made of the constants above

# Which of these deployments held a role on a license at a position.
HELD_BY = """
SELECT t.deployment, t.role, t.mode, t.from_at, t.from_position, t.standby_for, t.seat
  FROM unnest(%(deployments)s::text[]) AS d (deployment)
 CROSS JOIN LATERAL (
    SELECT * FROM slots.tenures
     WHERE tenures.deployment = d.deployment AND from_position <= %(position)s
     ORDER BY from_position DESC LIMIT 1) AS t
 WHERE t.license = %(license)s AND (t.to_position IS NULL OR t.to_position > %(position)s)
"""

# Every stretch of time in which a deployment held a role on a license, by its beginning.
TENURES = """
SELECT license, deployment, role, mode, standby_for, term, from_position, from_at, from_type,
       to_position, to_at, to_type
  FROM slots.tenures
 WHERE license = %(license)s AND from_position > %(after)s AND from_position <= %(position)s
 ORDER BY from_position LIMIT %(limit)s
"""

# Licenses, each at a position of its own, with the first of those who were active then.
STATE_OF_STEP = STATE_AT.format(at="l.at")
ACTIVE_OF_STEP = SEATS_AT.format(
    seat="0", license="l.license", role="'active'", at="l.at", wanted="least(s.used, %(named)s)"
)
STEPS = f"""
SELECT l.at, l.license, s.slots, s.expires_at, s.suspended, s.revoked, s.term, s.used,
       s.backup_count, s.position,
       ({ACTIVE_OF_STEP}
        SELECT json_agg(t.deployment ORDER BY t.from_position)::text FROM walk AS t WHERE t.held)
  FROM unnest(%(licenses)s::text[], %(positions)s::bigint[]) AS l (license, at)
  {STATE_OF_STEP}
"""  # noqa: S608 - made of the constants above
