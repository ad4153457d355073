-- Writes down that a table is watched, and by which triggers.
INSERT INTO @schema@.forge_change_log_watches (relation, table_name, triggers)
SELECT @oid@, @name@, pg_catalog.string_agg(t.tgname || '=' || t.xmin, ' ' ORDER BY t.tgname)
  FROM pg_catalog.pg_trigger t
 WHERE t.tgrelid = @oid@ AND t.tgname LIKE 'forge\_capture\_%' AND t.tgparentid = 0
HAVING count(*) > 0
    ON CONFLICT (relation) DO UPDATE
   SET table_name = excluded.table_name, triggers = excluded.triggers,
       watched_at = CASE WHEN forge_change_log_watches.triggers = excluded.triggers
                         THEN forge_change_log_watches.watched_at ELSE excluded.watched_at END
 WHERE (forge_change_log_watches.table_name, forge_change_log_watches.triggers)
       IS DISTINCT FROM (excluded.table_name, excluded.triggers);
