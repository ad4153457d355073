-- Whether a trim would delete what a consumer has not been delivered.
-- Parameters: $1 bigint (the seq up to which it was delivered all), $2 text (int8multirange: what
-- it was delivered above that), $3 bigint (highest seq to delete).
-- Columns: awaited boolean.
SELECT EXISTS (SELECT FROM @schema@.forge_change_log
                WHERE seq > $1::bigint AND seq <= $3::bigint
                  AND NOT seq::bigint <@ $2::int8multirange) AS awaited;
