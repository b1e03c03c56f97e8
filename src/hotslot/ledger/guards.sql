-- The ledger's guard rails. Applied under a lock by schema.install(), where they lack: a ledger that
-- an earlier version made gets them too.

-- For tables that are only ever added to. The owner of a table can take the trigger away, and who
-- can do that can't be stopped here: the proofs are what shows it.
CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %.% was refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation',
          DETAIL = 'Its rows are the record of what happened. They are added, and never changed or '
                   'removed: every proof that was given of them would fail.',
          HINT = 'Put right what is wrong with a further command: what happened and what made it '
                 'right then both stand in the trail. To be rid of a whole ledger, drop its '
                 'database.';
END $$;

CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
