-- The slots projection. Names have no schema, so that the same tables can be built beside the live
-- ones. Ids compare by byte (COLLATE "C"): the order of lists is the same in every database.

-- What never changes of a license.
CREATE TABLE licenses (
    license  text COLLATE "C" PRIMARY KEY,
    product  text NOT NULL,
    customer text COLLATE "C" NOT NULL,
    position bigint NOT NULL,  -- of the event that issued it
    at       timestamptz NOT NULL
);
CREATE INDEX licenses_of_customer ON licenses (customer, license);

-- The rest of a license as it was from a position on: one row for every event that changed it.
CREATE TABLE states (
    license      text COLLATE "C" NOT NULL,
    position     bigint NOT NULL,
    slots        int NOT NULL,
    expires_at   timestamptz,  -- null is never
    suspended    boolean NOT NULL,
    revoked      boolean NOT NULL,
    term         int NOT NULL,
    used         int NOT NULL,  -- active deployments
    backup_count int NOT NULL,
    active_seats int NOT NULL,  -- the highest seat given until then, of each role
    backup_seats int NOT NULL,
    PRIMARY KEY (license, position)
);

-- One row for every stretch of time in which a deployment held a role on a license. `to_position`
-- is the event from which on it no longer did; null while it lasts.
--
-- Every tenure has a seat: a number from 1 that no other tenure of that license and role has at the
-- same time; the lowest free one, and in a nomination that of the deployment that is replaced. So
-- "who held a role at position P" asks each seat for its last tenure that began by P: as many index
-- lookups as there are seats, however long the history. Without seats it would read all of it.
CREATE TABLE tenures (
    license       text COLLATE "C" NOT NULL,
    deployment    text COLLATE "C" NOT NULL,
    role          text COLLATE "C" NOT NULL,
    seat          int NOT NULL,
    mode          text COLLATE "C" NOT NULL,
    standby_for   text COLLATE "C",
    term          int NOT NULL,
    from_position bigint NOT NULL,
    from_at       timestamptz NOT NULL,
    from_type     text NOT NULL,
    to_position   bigint,
    to_at         timestamptz,
    to_type       text,
    PRIMARY KEY (license, from_position)
);
CREATE UNIQUE INDEX tenures_of_deployment ON tenures (deployment, from_position);
CREATE UNIQUE INDEX tenures_of_seat ON tenures (license, role, seat, from_position);
-- Those that last, for reads of now: a license that once had many seats is not slower for it.
CREATE UNIQUE INDEX tenures_lasting ON tenures (license, role, seat) WHERE to_position IS NULL;

-- Seats that were given back and not given again since.
CREATE TABLE free_seats (
    license text COLLATE "C" NOT NULL,
    role    text COLLATE "C" NOT NULL,
    seat    int NOT NULL,
    PRIMARY KEY (license, role, seat)
);
