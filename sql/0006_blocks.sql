-- SPDX-License-Identifier: Apache-2.0
-- The block list (DOMAIN F5): an append-only log of what devices that are offline must know. The last row of a credential
-- holds; a credential without one may buy. Numbers increase in the order of the commits, so whoever has seen one has been
-- able to see all below it: the number is drawn under a lock that is held until the commit. The lock is taken at the end of a
-- transaction (the triggers are deferred), so that nobody waits for a row with the lock in hand.

CREATE TABLE block (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind smallint NOT NULL CHECK (kind IN (1, 2, 3)), -- enum block_kind: lifted, stopped, used up
    card bigint,
    app uuid,
    ends_at timestamptz,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT either_card_or_app CHECK ((card IS NULL) <> (app IS NULL)),
    CONSTRAINT only_what_is_used_up_ends CHECK ((kind = 3) = (ends_at IS NOT NULL))
);
CREATE INDEX block_card ON block (card, number) WHERE card IS NOT NULL;
CREATE INDEX block_app ON block (app, number) WHERE app IS NOT NULL;

-- What is judged after this was committed before, or is one's own. An older snapshot would judge by what is gone.
CREATE FUNCTION lock_blocks() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'states and limits are changed in transactions that read committed rows, for the sake of the block list';
    END IF;
    PERFORM pg_advisory_xact_lock(30333, -3);
END $$;

CREATE FUNCTION last_block(of_card bigint, of_app uuid) RETURNS block LANGUAGE plpgsql AS $$
DECLARE
    last block;
BEGIN
    IF of_card IS NOT NULL THEN
        SELECT * INTO last FROM block WHERE card = of_card ORDER BY number DESC LIMIT 1;
    ELSE
        SELECT * INTO last FROM block WHERE app = of_app ORDER BY number DESC LIMIT 1;
    END IF;
    RETURN last;
END $$;

CREATE FUNCTION may_buy(of_card bigint, of_app uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF of_card IS NOT NULL THEN
        RETURN EXISTS (SELECT FROM credit c JOIN organisation o ON o.id = c.organisation
            WHERE c.card = of_card AND c.state <> 'ended' AND c.state = 'active' AND o.state = 'active');
    END IF;
    RETURN EXISTS (SELECT FROM credit c JOIN organisation o ON o.id = c.organisation
        WHERE c.app = of_app AND c.state <> 'ended' AND c.state = 'active' AND o.state = 'active');
END $$;

-- Writes what is new about a credential, if anything is. A limit that was raised lifts what was used up.
CREATE FUNCTION judge_credential(of_card bigint, of_app uuid, is_raised boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last constant smallint := coalesce((last_block(of_card, of_app)).kind, 1);
BEGIN
    IF NOT may_buy(of_card, of_app) THEN
        INSERT INTO block (kind, card, app) SELECT 2, of_card, of_app WHERE last <> 2;
    ELSIF last = 2 OR (last = 3 AND is_raised) THEN
        INSERT INTO block (kind, card, app) VALUES (1, of_card, of_app);
    END IF;
END $$;

CREATE FUNCTION judge_credit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_blocks();
    IF TG_OP = 'INSERT' THEN
        PERFORM judge_credential(NEW.card, NEW.app, false);
        RETURN NULL;
    END IF;
    PERFORM judge_credential(NEW.card, NEW.app, NEW.limit_minor > OLD.limit_minor);
    IF (OLD.card, OLD.app) IS DISTINCT FROM (NEW.card, NEW.app) THEN
        PERFORM judge_credential(OLD.card, OLD.app, false);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION judge_organisation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_active boolean;
BEGIN
    PERFORM lock_blocks();
    SELECT state = 'active' INTO is_active FROM organisation WHERE id = NEW.id;
    INSERT INTO block (kind, card, app)
    SELECT CASE WHEN is_active THEN 1 ELSE 2 END, card, app FROM credit
    WHERE organisation = NEW.id AND state = 'active' AND (coalesce((last_block(card, app)).kind, 1) = 2) = is_active
    ORDER BY id;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER judge_new AFTER INSERT ON credit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION judge_credit();
CREATE CONSTRAINT TRIGGER judge_changed AFTER UPDATE ON credit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state, OLD.organisation, OLD.card, OLD.app) IS DISTINCT FROM (NEW.state, NEW.organisation, NEW.card, NEW.app)
        OR NEW.limit_minor > OLD.limit_minor)
    EXECUTE FUNCTION judge_credit();
CREATE CONSTRAINT TRIGGER judge_changed AFTER UPDATE ON organisation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state = 'active') <> (NEW.state = 'active')) EXECUTE FUNCTION judge_organisation();

-- Nothing is left of a credit until its month ends: noted once, if it is so.
CREATE FUNCTION note_used_up(of_credit integer, of_month integer, month_ends_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    used credit%ROWTYPE;
    last block;
    spent bigint;
BEGIN
    SELECT * INTO used FROM credit WHERE id = of_credit;
    last := last_block(used.card, used.app);
    IF used.state IS DISTINCT FROM 'active' OR last.kind = 2 OR last.ends_at >= month_ends_at THEN
        RETURN;
    END IF;
    SELECT sum(amount_minor) INTO spent FROM entry
    WHERE month = of_month AND organisation = used.organisation AND credit = of_credit;
    PERFORM lock_blocks();
    SELECT * INTO used FROM credit WHERE id = of_credit;
    last := last_block(used.card, used.app);
    IF spent >= used.limit_minor AND may_buy(used.card, used.app)
        AND (last.kind IS DISTINCT FROM 3 OR last.ends_at < month_ends_at) THEN
        INSERT INTO block (kind, card, app, ends_at) VALUES (3, used.card, used.app, month_ends_at);
    END IF;
END $$;

INSERT INTO block (kind, card, app)
SELECT 2, card, app FROM (SELECT DISTINCT card, app FROM credit) c WHERE NOT may_buy(card, app) ORDER BY card, app;
