-- The partitioned table of a row trigger and those below it whose owner lacks EXECUTE on the
-- trigger's function, over t = pg_trigger. Who creates or attaches a partition has the trigger
-- copied to it, and PostgreSQL lets only those do so who might have made the trigger.
SELECT c.oid AS relation, c.relowner AS owner
  FROM pg_catalog.pg_partition_tree(t.tgrelid) b
  JOIN pg_catalog.pg_class c ON c.oid = b.relid::oid AND c.relkind = 'p'
 WHERE NOT pg_catalog.has_function_privilege(c.relowner, t.tgfoid, 'EXECUTE')
