-- Where the old changes at the beginning of the log end: before the first one that is not old. A
-- change whose time is still to come says nothing of its age, since a clock was set back after it:
-- it goes with the old one that follows it.
-- Parameters: $1 float8 (Unix seconds: a change is old where it was written before), $2 bigint (the
-- seq above which the log begins), $3 bigint (highest seq to delete), $4 bigint (how many seqs are
-- looked at, from that of the first change on).
-- Columns: stop bigint (the seq of the last old one; NULL: none), more boolean (nothing stops the
-- trim there but the number of seqs that were looked at).
WITH scope AS MATERIALIZED (
       SELECT least($3::bigint, $4::bigint + (
                SELECT seq FROM @schema@.forge_change_log WHERE seq > $2::bigint
                 ORDER BY seq LIMIT 1)) AS reach),
     young AS MATERIALIZED (
       SELECT (SELECT seq FROM @schema@.forge_change_log
                WHERE seq > $2::bigint AND seq <= (SELECT reach FROM scope)
                  AND created_at >= pg_catalog.to_timestamp($1::float8)
                  AND created_at <= pg_catalog.statement_timestamp()
                ORDER BY seq LIMIT 1) AS seq)
SELECT (SELECT seq::bigint FROM @schema@.forge_change_log
         WHERE seq > $2::bigint
           AND seq <= coalesce((SELECT seq FROM young) - 1, (SELECT reach FROM scope))
           AND created_at < pg_catalog.to_timestamp($1::float8)
         ORDER BY seq DESC LIMIT 1) AS stop,
       (SELECT seq FROM young) IS NULL AND (SELECT reach FROM scope) < $3::bigint AS more;
