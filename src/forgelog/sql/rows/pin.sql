-- The settings of the transaction that reads rows: values are printed, and keys read, as they are
-- in the log; and without statistics, too, rows are taken from the index in their order, by this
-- process alone.
-- Parameters: none.
-- Columns: set_config text.
SELECT pg_catalog.set_config(p.name, p.value, true)
  FROM (VALUES @pinned_settings@, ('search_path', 'pg_catalog, pg_temp'), ('array_nulls', 'on'),
               ('jit', 'off'), ('enable_sort', 'off'), ('enable_incremental_sort', 'off'),
               ('max_parallel_workers_per_gather', '0')) AS p(name, value)
