-- How many changes up to a seq a consumer has not been delivered.
-- Parameters: $1 bigint (the seq up to which it was delivered all), $2 text (int8multirange: what
-- it was delivered above that), $3 bigint (the seq), $4 bigint (the number of changes up to which
-- they are counted).
-- Columns: changes bigint (at most $4 + 1).
SELECT count(*) AS changes
  FROM (SELECT FROM @schema@.forge_change_log
         WHERE seq > $1::bigint AND seq <= $3::bigint AND NOT seq::bigint <@ $2::int8multirange
         ORDER BY seq LIMIT $4::bigint + 1) w;
