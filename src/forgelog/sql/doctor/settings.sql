-- Where commits do not wait for the disk, or ordinary triggers do not fire, by default: for the
-- server (whose value this session knows unless it has one of its own), for all roles, for this
-- database, or for a role.
-- Parameters: none.
-- Columns: name text (of the setting), place text (such as "role x"), remedy text (the statement
-- that resets it), always boolean (all triggers of forgelog fire nevertheless).
SELECT s.name,
       CASE WHEN s.database IS NULL THEN 'the server'
            WHEN s.database = 0::oid AND s.role = 0::oid THEN 'all roles'
            ELSE pg_catalog.concat_ws(' in ', 'role ' || pg_catalog.quote_ident(r.rolname),
                   'database ' || pg_catalog.quote_ident(d.datname)) END AS place,
       CASE WHEN s.database IS NULL
            THEN 'ALTER SYSTEM RESET ' || s.name || '; SELECT pg_reload_conf()'
            WHEN s.database = 0::oid AND s.role = 0::oid
            THEN 'ALTER ROLE ALL RESET ' || s.name
            WHEN s.role = 0::oid
            THEN pg_catalog.format('ALTER DATABASE %I RESET %s', d.datname, s.name)
            ELSE pg_catalog.format('ALTER ROLE %I%s RESET %s', r.rolname,
                   ' IN DATABASE ' || pg_catalog.quote_ident(d.datname), s.name) END AS remedy,
       coalesce((SELECT pg_catalog.bool_and(t.tgenabled = 'A') FROM pg_catalog.pg_trigger t
                   JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                  WHERE p.proname ~ '^forge_(capture|log|notify)_'), false) AS always
  FROM (SELECT x.setdatabase AS database, x.setrole AS role,
               pg_catalog.split_part(c, '=', 1) AS name,
               pg_catalog.lower(pg_catalog.split_part(c, '=', 2)) AS value -- as it was typed
          FROM pg_catalog.pg_db_role_setting x
         CROSS JOIN LATERAL pg_catalog.unnest(x.setconfig) c
        UNION ALL
        SELECT NULL, NULL, name, reset_val FROM pg_catalog.pg_settings
         WHERE source NOT IN ('global', 'database', 'user', 'database user', 'client')) s
  LEFT JOIN pg_catalog.pg_database d ON d.oid = s.database
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.role
 WHERE (s.name = 'synchronous_commit' AND s.value IN ('off', 'false', 'no', '0')
        OR s.name = 'session_replication_role' AND s.value = 'replica')
   AND (coalesce(s.database, 0::oid) = 0::oid OR d.datname = pg_catalog.current_database())
   AND (coalesce(s.role, 0::oid) = 0::oid OR r.oid IS NOT NULL)
 ORDER BY s.name, always;
