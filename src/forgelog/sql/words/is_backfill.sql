-- Whether b, a backfill, is that of the table $2 by the consumer's row $1, and where it was when it
-- was looked at: $3 (when it was asked for), $4 (the key that it goes on behind), $5 (whether the
-- consumer is to be told first).
b.consumer = $1 AND b.table_name = $2
AND extract(epoch FROM b.asked_at) = $3::numeric
AND b.after IS NOT DISTINCT FROM $4::text[] AND b.reload = $5::boolean
