-- What the log calls the table that a trigger function was called for: the rule of @table_name@.
CASE TG_TABLE_SCHEMA WHEN @schema_name@ THEN '' ELSE TG_TABLE_SCHEMA || '.' END || TG_TABLE_NAME
