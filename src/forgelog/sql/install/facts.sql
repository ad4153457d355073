-- What stands of the log in its schema, which need not exist, nor the log in it.
-- Parameters: $1 int (the version of the database objects that this program installs).
-- Columns: schema text (quoted where needed), schema_exists, schema_oid bigint, may_create, role,
-- superuser, then of the log: exists, owned, owner text (quoted), not_a_table, missing_essential
-- text and complete (which fields it has columns for), created_at_type text, other_types text
-- (columns that capture writes and that have another type, with the type they should have),
-- short_types text (those that any log has and that cannot take what is written there, with their
-- types), required text (columns that are left empty and must not be),
-- increment, cache and sequence (of the sequence that gives the seqs), oid bigint, locked (by
-- another session), has_tables, guarded; then functions (all that install makes are there, of this
-- version), newest_version int, capture_owner name, capture_super boolean (it is a superuser),
-- foreign_trigger and foreign_trimmer (the functions of these names are not forgelog's).
SELECT pg_catalog.quote_ident(w.name) AS schema,
       n.oid IS NOT NULL AS schema_exists, n.oid::bigint AS schema_oid,
       pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS may_create,
       current_user AS role,
       (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) AS superuser,
       c.oid IS NOT NULL AS exists, c.oid::bigint AS oid,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
       pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(c.relowner)) AS owner,
       c.relkind IS DISTINCT FROM 'r' AS not_a_table,
       (SELECT pg_catalog.string_agg(m.name, ', ' ORDER BY m.place)
          FROM (@missing_fields@) m WHERE m.name IN (@essential_fields@)) AS missing_essential,
       NOT EXISTS (SELECT FROM (@missing_fields@) m) AS complete,
       (SELECT pg_catalog.format_type(x.atttypid, NULL) FROM pg_catalog.pg_attribute x
         WHERE x.attrelid = c.oid AND x.attname = 'created_at' AND NOT x.attisdropped
       ) AS created_at_type,
       (SELECT pg_catalog.string_agg(x.attname::text || ' ' || ours.type, ', ' ORDER BY x.attnum)
          FROM (VALUES @later_fields@) AS ours(name, type)
          JOIN pg_catalog.pg_attribute x
            ON x.attrelid = c.oid AND x.attname = ours.name AND NOT x.attisdropped
         WHERE pg_catalog.format_type(x.atttypid, NULL) <> ours.type) AS other_types,
       (SELECT pg_catalog.string_agg(x.attname::text || ' is '
                 || pg_catalog.format_type(x.atttypid, x.atttypmod), ', ' ORDER BY x.attnum)
          FROM (VALUES @text_fields@) AS ours(name, longest)
          JOIN pg_catalog.pg_attribute x
            ON x.attrelid = c.oid AND x.attname = ours.name AND NOT x.attisdropped
         WHERE CASE x.atttypid
               WHEN 'pg_catalog.text'::pg_catalog.regtype THEN false
               -- A limit of n is written as n + 4.
               WHEN 'pg_catalog.varchar'::pg_catalog.regtype
               THEN x.atttypmod <> -1 AND coalesce(x.atttypmod - 4 < ours.longest, true)
               -- This type takes spaces at the end away, which may be part of a key.
               WHEN 'pg_catalog.bpchar'::pg_catalog.regtype
               THEN ours.longest IS NULL OR x.atttypmod <> -1 AND x.atttypmod - 4 < ours.longest
               ELSE true END) AS short_types,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(x.attname) || ' '
                 || pg_catalog.format_type(x.atttypid, x.atttypmod), ', ' ORDER BY x.attnum)
          FROM pg_catalog.pg_attribute x JOIN pg_catalog.pg_type y ON y.oid = x.atttypid
         WHERE x.attrelid = c.oid AND x.attnum > 0 AND NOT x.attisdropped
           AND (x.attnotnull OR y.typnotnull)
           AND x.attname NOT IN (@essential_fields@, 'created_at')
           -- Of its own columns forgelog leaves this one out, and writes NULL into the others.
           AND (x.attname <> 'txid' AND x.attname IN (
                  SELECT own.name FROM pg_catalog.unnest(ARRAY[@fields@]) own(name))
                OR NOT x.atthasdef AND x.attidentity = '' AND y.typdefault IS NULL)) AS required,
       q.seqincrement AS increment, q.seqcache AS cache,
       q.seqrelid::pg_catalog.regclass::text AS sequence,
       EXISTS (SELECT FROM pg_catalog.pg_locks l
                WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
                  AND l.relation = c.oid AND l.database = @this_database@
                  AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()) AS locked,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class t WHERE t.relnamespace = n.oid
           AND t.relname IN (@own_tables@)
       ) = 6 AND @consumers_have_leases@ AND @state_is_exact@
         AND @state_has_timelines@ AS has_tables,
       NOT EXISTS (SELECT FROM (@missing_guards@) m) AS guarded,
       NOT EXISTS (
         SELECT FROM (VALUES @functions@,
                ('forge_notify_change'), ('forge_trim_change_log')) AS want(name)
          WHERE want.name <> ALL (f.of_this_version)
            AND NOT (want.name = 'forge_notify_change' AND f.foreign_trigger)
            AND NOT (want.name = 'forge_trim_change_log' AND f.foreign_trimmer)) AS functions,
       f.newest_version, f.foreign_trigger, f.foreign_trimmer, f.capture_owner,
       (SELECT r.rolsuper FROM pg_catalog.pg_roles r
         WHERE r.rolname = f.capture_owner) AS capture_super
  FROM (SELECT @schema_name@ AS name) w
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.name
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'forge_change_log'
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seq'
  LEFT JOIN LATERAL (SELECT x.* FROM (@log_sequence@) b(oid)
                       JOIN pg_catalog.pg_sequence x ON x.seqrelid = b.oid) q ON true
 CROSS JOIN LATERAL (
         SELECT coalesce(pg_catalog.array_agg(m.proname::text)
                           FILTER (WHERE m.version = $1::int), '{}') AS of_this_version,
                pg_catalog.max(m.version) AS newest_version,
                pg_catalog.max(m.owner)
                  FILTER (WHERE m.proname = 'forge_capture_insert') AS capture_owner,
                coalesce(pg_catalog.bool_or(m.version IS NULL
                  AND m.proname = 'forge_notify_change'), false) AS foreign_trigger,
                coalesce(pg_catalog.bool_or(m.version IS NULL
                  AND m.proname = 'forge_trim_change_log'), false) AS foreign_trimmer
           FROM (SELECT p.proname, pg_catalog.pg_get_userbyid(p.proowner) AS owner,
                        -- The comment of a function outlives CREATE OR REPLACE, by whomever: where
                        -- others have functions of the same names, the source says whose it is.
                        CASE WHEN p.proname NOT IN ('forge_notify_change', 'forge_trim_change_log')
                               OR pg_catalog.strpos(p.prosrc, '-- forgelog') > 0
                             -- Capture functions that a renamed schema has left behind do not
                             -- count.
                             THEN CASE WHEN p.proname ~ '^forge_capture' AND d.mark ~ ' in '
                                         AND pg_catalog.right(d.mark, pg_catalog.length(
                                               pg_catalog.quote_ident(w.name)) + 4)
                                             <> ' in ' || pg_catalog.quote_ident(w.name)
                                       THEN 0
                                       ELSE substring(d.mark FROM '^forgelog ([0-9]+)')::int END
                        END AS version
                   FROM pg_catalog.pg_proc p,
                        pg_catalog.obj_description(p.oid, 'pg_proc') AS d(mark)
                  WHERE p.pronamespace = n.oid AND p.proname ~ '^forge_') m) f;
