-- When a session began, over a = a row of pg_stat_activity, as text that no setting changes.
pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')
