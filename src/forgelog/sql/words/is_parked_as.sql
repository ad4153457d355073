-- Whether a row p of forge_change_log_parked is what the number $2 stands for.
CASE WHEN $2::bigint < 0 THEN p.seq IS NULL AND p.id = -$2::bigint ELSE p.seq = $2::bigint END
