-- The tables of the plain CRUD service: the present state, and one audit row a change.

CREATE TABLE license (
    id         text   PRIMARY KEY,
    product    text   NOT NULL,
    customer   text   NOT NULL,
    status     text   NOT NULL,
    slots      int    NOT NULL,
    used       int    NOT NULL,
    expires_at timestamptz,
    term       bigint NOT NULL,
    position   bigint NOT NULL
);

CREATE TABLE deployment (
    id          text   PRIMARY KEY,
    license     text,
    role        text   NOT NULL,
    mode        text,
    standby_for text,
    since       timestamptz,
    term        bigint,
    position    bigint NOT NULL
);

-- No index but the primary key: the peer shall not pay for reads that nobody makes here.
CREATE TABLE audit (
    position   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    type       text        NOT NULL,
    license    text        NOT NULL,
    deployment text        NOT NULL,
    actor      text        NOT NULL,
    request_id text        NOT NULL,
    reason     text
);
