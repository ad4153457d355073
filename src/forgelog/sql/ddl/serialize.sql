-- What surrounds a script that writes into the database: it takes its turn, and waits for a lock
-- only so long, since whoever wants the same lock later waits behind it.
SELECT pg_catalog.set_config('forgelog.lock_timeout',
                             pg_catalog.current_setting('lock_timeout'), true),
       pg_catalog.set_config('lock_timeout', '@limit@', true);
@turn@;
@script@
SELECT pg_catalog.set_config('lock_timeout',
                             pg_catalog.current_setting('forgelog.lock_timeout'), true);
