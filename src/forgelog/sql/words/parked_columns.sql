-- What is told of a row p of forge_change_log_parked.
p.id, p.key, coalesce(p.seq, -p.id) AS seq, p.seq IS NULL AS was_read, p.table_name, p.op, p.row_id,
p.changed_cols, extract(epoch FROM p.created_at) AS created_at, p.txid, p.context, p.key_cols,
p.kept_names, p.old_values, p.new_values, p.omitted, p.waits, p.retry, p.attempts, p.error,
extract(epoch FROM p.parked_at) AS parked_at
