-- The tables that were watched, as they are now.
-- Parameters: none.
-- Columns: name text (in the log, when it was watched), triggers text (then), dropped boolean,
-- name_now text (NULL: dropped), triggers_now text (NULL: none), always boolean (all
-- are enabled always), covered boolean (a watched table
-- above it speaks for it), other boolean (another table has its name), other_watched boolean.
WITH captured AS (
       SELECT t.tgrelid,
              pg_catalog.string_agg(t.tgname::text || '=' || @trigger_state@, ' '
                                    ORDER BY t.tgname) AS triggers,
              pg_catalog.bool_and(t.tgenabled = 'A') AS always
         FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
         JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = @schema_name@
        WHERE t.tgname ~ '^forge_capture_(insert|update|delete|truncate|row(_[0-9]+)?)$'
          AND t.tgparentid = 0::oid
        GROUP BY t.tgrelid),
     named AS (
       SELECT c.oid, @table_name@ AS name
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p'))
SELECT w.table_name AS name, w.triggers, now.oid IS NULL AS dropped, now.name AS name_now,
       mine.triggers AS triggers_now, mine.always,
       EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(now.oid) a
                 JOIN captured c ON c.tgrelid = a.relid::oid
                WHERE a.relid::oid <> now.oid) AS covered,
       other.oid IS NOT NULL AS other, theirs.tgrelid IS NOT NULL AS other_watched
  FROM @schema@.forge_change_log_watches w
  LEFT JOIN named now ON now.oid = w.relation
  LEFT JOIN captured mine ON mine.tgrelid = w.relation
  LEFT JOIN named other ON other.name = w.table_name AND other.oid <> w.relation
  LEFT JOIN captured theirs ON theirs.tgrelid = other.oid
 ORDER BY w.table_name;
