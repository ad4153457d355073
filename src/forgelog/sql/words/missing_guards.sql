-- The triggers that keep count of what is deleted from the log, as far as they are missing,
-- not enabled always, or call another function; over c = pg_class of the log.
SELECT want.name
  FROM (VALUES ('forge_log_deleted', 'forge_log_deleted'),
               ('forge_log_truncating', 'forge_log_truncated'),
               ('forge_log_truncated', 'forge_log_truncated')) AS want(name, calls)
 WHERE NOT EXISTS (
         SELECT FROM pg_catalog.pg_trigger t
           JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid AND p.pronamespace = c.relnamespace
          WHERE t.tgrelid = c.oid AND t.tgname = want.name AND t.tgenabled = 'A'
            AND p.proname = want.calls)
