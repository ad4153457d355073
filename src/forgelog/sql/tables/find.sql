-- A table by one of the ways to name it, as far as watching it goes.
-- Parameters: $1 text (the name as SQL has it, or NULL), $2 text (the exact name).
-- Columns: oid bigint, name text (as in table_name), quoted text, kind "char" (relkind), temporary,
-- unlogged text (quoted: it, or the first partition of it that is; NULL: none), catalog (of the
-- system), own (part of the log), level text ('statement' or 'row'), columns text (number:name of
-- those whose values are stored, separated by \001), virtual text (the names of those that are
-- computed when they are read, likewise; NULL: none), key text (the columns of the primary key,
-- likewise; NULL: none), ancestor text (the watched table above a partition), elsewhere text (the
-- schema of another log that has its changes; NULL: none), by_hand text
-- (a row trigger that somebody attached), installed (the log's schema has the capture functions),
-- may_compile (this role may make more of them), capture_owner text (quoted: the role that they
-- belong to; NULL: this one), may_record (it may write down what is watched), may_lock (it may lock
-- the table and its partitions against writers), stranger text (quoted: to whom functions belong
-- that this superuser must not run, since they would run with its rights; NULL: nobody); no row
-- where no such table is here.
SELECT c.oid::bigint AS oid, @table_name@ AS name,
       pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted, c.relkind AS kind,
       c.relpersistence = 't' AS temporary,
       (SELECT pg_catalog.format('%I.%I', s.nspname, u.relname)
          FROM pg_catalog.pg_class u JOIN pg_catalog.pg_namespace s ON s.oid = u.relnamespace
         WHERE u.relpersistence = 'u'
           AND (u.oid = c.oid
                OR u.oid IN (SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(c.oid) p))
         ORDER BY u.oid <> c.oid, u.oid LIMIT 1) AS unlogged,
       n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS catalog,
       n.nspname = @schema_name@ AND c.relname IN (@own_tables@) AS own,
       CASE WHEN c.relkind = 'p' OR EXISTS (
                   SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
            THEN 'row' ELSE 'statement' END AS level,
       (SELECT coalesce(pg_catalog.string_agg(a.attnum::text || ':' || a.attname::text,
                 pg_catalog.chr(1)
                 ORDER BY a.attnum), '') FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND a.attgenerated <> 'v') AS columns,
       (SELECT pg_catalog.string_agg(a.attname::text,
                 pg_catalog.chr(1)) FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attgenerated = 'v') AS virtual,
       nullif(pg_catalog.array_to_string(@primary_key@, pg_catalog.chr(1)), '') AS key,
       (SELECT a.relid::pg_catalog.regclass::text
          FROM pg_catalog.pg_partition_ancestors(c.oid) a
          JOIN pg_catalog.pg_trigger t ON t.tgrelid = a.relid::oid
           AND t.tgname ~ '^forge_capture_row(_[0-9]+)?$' AND t.tgparentid = 0::oid
          JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
          JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = @schema_name@
         WHERE a.relid::oid <> c.oid LIMIT 1) AS ancestor,
       (SELECT o.nspname FROM pg_catalog.pg_trigger t
          JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
          JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname <> @schema_name@
         WHERE t.tgrelid = c.oid AND t.tgparentid = 0::oid
           AND t.tgname ~ '^forge_capture_(insert|update|delete|truncate|row)(_[0-9]+)?$'
           AND p.proname ~ '^forge_capture_(insert|update|delete|truncate|row)(_[0-9]+)?$'
         ORDER BY o.nspname LIMIT 1) AS elsewhere,
       (SELECT t.tgname FROM pg_catalog.pg_trigger t
          JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
          JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = @schema_name@
         WHERE t.tgrelid = c.oid AND p.proname = 'forge_notify_change' LIMIT 1) AS by_hand,
       f.proowner IS NOT NULL AS installed,
       coalesce(f.usable, false) AS may_compile,
       nullif(pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(f.proowner)),
              pg_catalog.quote_ident(current_user)) AS capture_owner,
       coalesce(pg_catalog.has_table_privilege(
         pg_catalog.to_regclass('@schema_text@.forge_change_log_watches'), 'INSERT, UPDATE'),
         false) AS may_record,
       pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
         AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_partition_tree(c.oid) b
            WHERE NOT pg_catalog.has_table_privilege(b.relid::oid, 'UPDATE, DELETE, TRUNCATE')
         ) AS may_lock,
       (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(p.proowner))
          FROM pg_catalog.pg_proc p
          JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = @schema_name@
          JOIN pg_catalog.pg_roles r ON r.oid = p.proowner AND NOT r.rolsuper
          JOIN pg_catalog.pg_roles me ON me.rolname = current_user AND me.rolsuper
         WHERE p.proname IN ('forge_describe', 'forge_shape', 'forge_compile')
         ORDER BY p.proname LIMIT 1) AS stranger
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (
         SELECT p.proowner, @may_compile@ AS usable
           FROM pg_catalog.pg_proc p
           JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace
          WHERE o.nspname = @schema_name@ AND p.proname = 'forge_capture_insert'
            AND EXISTS (SELECT FROM pg_catalog.pg_proc x WHERE x.pronamespace = o.oid
                           AND x.proname = 'forge_compile')) f ON true
 WHERE c.oid = (SELECT @named_table@
                  FROM (SELECT $2::text AS exact, pg_catalog.parse_ident($1::text) AS parts) g);
