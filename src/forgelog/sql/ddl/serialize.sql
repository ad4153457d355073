-- What surrounds a script that writes into the database: one install or watch works at a time, and
-- it waits for a lock only so long, since whoever wants the same lock later waits behind it.
SELECT pg_catalog.set_config('forgelog.lock_timeout',
                             pg_catalog.current_setting('lock_timeout'), true),
       pg_catalog.set_config('lock_timeout', '@limit@', true);
SELECT pg_catalog.pg_advisory_xact_lock(@installer@);
@script@
SELECT pg_catalog.set_config('lock_timeout',
                             pg_catalog.current_setting('forgelog.lock_timeout'), true);
