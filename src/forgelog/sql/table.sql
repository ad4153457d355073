-- A table by one of the ways to name it ($1: as SQL says it, or NULL; $2: exactly), as far as watching it goes. $3 is the
-- log's schema: there a bare name ($4) is looked for first, as in table_name.
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS "table", c.relkind AS kind,
       CASE n.nspname WHEN $3 THEN '' ELSE n.nspname || '.' END || c.relname AS name,
       pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted,
       c.relpersistence = 't' AS temporary,
       n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS catalog,
       n.nspname = $3 AND c.relname IN ('forge_change_log', 'forge_change_log_state', 'forge_change_log_consumers') AS own,
       CASE WHEN c.relkind = 'p' OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
            THEN 'row' ELSE 'statement' END AS level,
       (SELECT pg_catalog.string_agg(a.attname, pg_catalog.chr(1) ORDER BY k.place)
          FROM pg_catalog.pg_index i CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE i.indrelid = c.oid AND i.indisprimary AND k.place <= i.indnkeyatts) AS key,
       (SELECT a.relid::pg_catalog.regclass::text FROM pg_catalog.pg_partition_ancestors(c.oid) a
          JOIN pg_catalog.pg_trigger t ON t.tgrelid = a.relid AND t.tgname = 'forge_capture_row' AND t.tgparentid = 0
         WHERE a.relid <> c.oid LIMIT 1) AS ancestor,
       (SELECT t.tgname FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
         WHERE t.tgrelid = c.oid AND p.proname = 'forge_notify_change'
           AND p.pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $3) LIMIT 1) AS by_hand,
       EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace x ON x.oid = p.pronamespace
                WHERE x.nspname = $3 AND p.proname = 'forge_capture_row') AS installed
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND c.oid = coalesce(
         CASE WHEN $4::boolean THEN pg_catalog.to_regclass(pg_catalog.quote_ident($3) || '.' || $1)::oid END,
         pg_catalog.to_regclass($1)::oid,
         (SELECT x.oid FROM pg_catalog.pg_class x JOIN pg_catalog.pg_namespace y ON y.oid = x.relnamespace
           WHERE x.relname = $2 AND y.nspname = $3),
         (SELECT x.oid FROM pg_catalog.pg_class x WHERE x.relname = $2 AND pg_catalog.pg_table_is_visible(x.oid)),
         (SELECT x.oid FROM pg_catalog.pg_class x JOIN pg_catalog.pg_namespace y ON y.oid = x.relnamespace
           WHERE y.nspname || '.' || x.relname = $2 LIMIT 1))
