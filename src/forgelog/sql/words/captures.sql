-- The triggers of any table that write to the log, as a list of relations t = pg_trigger and p =
-- pg_proc, its function, over home = a row with the column oid, the log's schema: our own, and any
-- whose source names the log. (That for TRUNCATE stands on tables that are not captured, too; and
-- the log has some that guard it.)
FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid AND p.proname !~ '^forge_(capture_truncate|log_)'
   AND (p.proname = 'forge_notify_change' OR pg_catalog.strpos(p.prosrc, 'forge_change_log') > 0
        OR p.pronamespace = home.oid AND p.proname ~ '^forge_capture_')
