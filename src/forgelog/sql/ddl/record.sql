-- Writes down that a table is watched, and by which triggers, in the place of one of its name that
-- is gone.
DELETE FROM @schema@.forge_change_log_watches w
 WHERE w.table_name = @name@ AND w.relation <> @relation@::oid
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = w.relation);
INSERT INTO @schema@.forge_change_log_watches (relation, table_name, triggers)
SELECT @relation@::oid, @name@, pg_catalog.string_agg(t.tgname || '=' || @trigger_state@, ' '
                                            ORDER BY t.tgname)
  FROM pg_catalog.pg_trigger t
 WHERE t.tgrelid = @relation@::oid
   AND t.tgname ~ '^forge_capture_(insert|update|delete|truncate|row(_[0-9]+)?)$'
   AND t.tgparentid = 0::oid
HAVING count(*) > 0
    ON CONFLICT (relation) DO UPDATE
   SET table_name = excluded.table_name, triggers = excluded.triggers,
       watched_at = CASE WHEN forge_change_log_watches.triggers = excluded.triggers
                         THEN forge_change_log_watches.watched_at ELSE excluded.watched_at END
 WHERE (forge_change_log_watches.table_name, forge_change_log_watches.triggers)
       IS DISTINCT FROM (excluded.table_name, excluded.triggers);
