-- Whether this server has the log of another one.
-- Parameters: $1 text, $2 bigint and $3 text (as consumer/system.sql gives them).
-- Columns: same boolean.
SELECT EXISTS (SELECT FROM pg_catalog.pg_control_system() s, @schema@.forge_change_log l
                WHERE s.system_identifier::text = $1::text AND l.seq = $2::bigint
                  AND extract(epoch FROM l.created_at)::text = $3::text) AS same;
