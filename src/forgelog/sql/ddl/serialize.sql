-- What surrounds a script that writes into the database: it takes its turn, waits for a lock only
-- so long, since whoever wants the same lock later waits behind it, and finds nothing that somebody
-- has put into a schema of the session's search_path.
SELECT pg_catalog.set_config('forgelog.lock_timeout',
                             pg_catalog.current_setting('lock_timeout'), true),
       pg_catalog.set_config('forgelog.search_path',
                             pg_catalog.current_setting('search_path'), true),
       pg_catalog.set_config('lock_timeout', '@limit@', true),
       pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
@turn@;
@script@
SELECT pg_catalog.set_config('lock_timeout',
                             pg_catalog.current_setting('forgelog.lock_timeout'), true),
       pg_catalog.set_config('search_path',
                             pg_catalog.current_setting('forgelog.search_path'), true);
