-- The trail projection. Names have no schema, so that the same table can be built beside the live
-- one. It holds what is searched for; the events themselves stay in ledger.events alone.

CREATE TABLE entries (
    index            bigint PRIMARY KEY,  -- dense, from 0; positions may have gaps
    position         bigint NOT NULL,
    at               timestamptz NOT NULL,
    type             text COLLATE "C" NOT NULL,
    license          text COLLATE "C",
    customer         text COLLATE "C",  -- who holds the license: the scope that may read the entry
    deployment       text COLLATE "C",
    other_deployment text COLLATE "C",  -- the one that a nomination replaced
    actor_kind       text COLLATE "C" NOT NULL,
    actor_id         text COLLATE "C" NOT NULL,
    outcome          text COLLATE "C" NOT NULL  -- done or refused
);

-- One index for every filter, in the order of the entries, so that a page costs a page.
CREATE INDEX entries_of_license ON entries (license, index);
CREATE INDEX entries_of_customer ON entries (customer, index);
CREATE INDEX entries_of_deployment ON entries (deployment, index);
CREATE INDEX entries_of_replaced ON entries (other_deployment, index)
    WHERE other_deployment IS NOT NULL;
CREATE INDEX entries_of_actor ON entries (actor_id, index);
CREATE INDEX entries_of_type ON entries (type, index);
CREATE INDEX entries_refused ON entries (index) WHERE outcome = 'refused';
CREATE INDEX entries_by_time ON entries (at, position);
