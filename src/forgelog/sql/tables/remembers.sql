-- Whether it is written down here which tables are watched, and this role may read that.
-- Parameters: none.
-- Columns: there boolean.
SELECT EXISTS (
         SELECT FROM pg_catalog.pg_class c
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = @schema_name@
          WHERE c.relname = 'forge_change_log_watches'
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND pg_catalog.has_table_privilege(c.oid, 'SELECT')) AS there;
