-- The columns of the log that capture writes and the first edition did not have, with their types,
-- as rows of VALUES.
('txid', 'bigint'), ('context', 'text'), ('old_values', 'text[]'), ('new_values', 'text[]'),
('kept_cols', 'text'), ('key_cols', 'smallint')
