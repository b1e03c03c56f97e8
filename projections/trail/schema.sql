-- The trail projection. Names have no schema, so that the same table can be built beside the live
-- one. It holds what is searched for; the events themselves stay in ledger.events alone.

CREATE TABLE entries (
    index            bigint PRIMARY KEY,  -- dense, from 0: one less than the position
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
CREATE INDEX entries_refused_of_license ON entries (license, index) WHERE outcome = 'refused';
CREATE INDEX entries_confirmed ON entries (deployment, index)
    WHERE type IN ('deployment.took-over', 'deployment.stood-down');
CREATE INDEX entries_nominated ON entries (license, index)
    WHERE type = 'license.backup-nominated';
CREATE INDEX entries_by_time ON entries (at, position);

-- Procedures: entries that belong together. Only the offline one exists: its three steps, in order,
-- on one license, with the same reason or the same trace id. Numbers are indexes of entries.
CREATE TABLE procedures (
    ended        bigint PRIMARY KEY,  -- the backup was activated offline
    unregistered bigint NOT NULL,
    began        bigint NOT NULL,     -- the former active one was deactivated
    license      text COLLATE "C" NOT NULL,
    customer     text COLLATE "C" NOT NULL,
    former       text COLLATE "C" NOT NULL,
    deployment   text COLLATE "C" NOT NULL
);

CREATE INDEX procedures_of_license ON procedures (license, ended);
CREATE INDEX procedures_of_customer ON procedures (customer, ended);
CREATE INDEX procedures_of_former ON procedures (former, ended);
CREATE INDEX procedures_of_deployment ON procedures (deployment, ended);

-- The steps that may yet become part of one: of each deployment on each license, the last time that
-- it gave up a role, unless it has taken that role again or the step is part of a procedure already.
CREATE TABLE open_steps (
    license       text COLLATE "C" NOT NULL,
    deployment    text COLLATE "C" NOT NULL,
    role          text COLLATE "C" NOT NULL,  -- the one it gave up: active or backup
    index         bigint NOT NULL,
    reason_sha256 text COLLATE "C",  -- in hex: a reason may be longer than an index takes
    trace_id      text COLLATE "C",
    PRIMARY KEY (license, deployment, role)
);

CREATE INDEX open_steps_by_reason ON open_steps (license, role, reason_sha256, index)
    WHERE reason_sha256 IS NOT NULL;
CREATE INDEX open_steps_by_trace ON open_steps (license, role, trace_id, index)
    WHERE trace_id IS NOT NULL;
