-- Roles that trim, monitor and follow the log, each with the rights that it needs and no more. Run it
-- after install, once for each database, as a superuser (who may grant pg_read_all_stats):
--   psql -d shop -f roles.sql                    the log is in the schema public
--   psql -d shop -v schema=feed -f roles.sql     it is in feed: give the commands --schema feed
-- The passwords are given by \password, or none where pg_hba.conf knows a better way.
\set ON_ERROR_STOP on
\if :{?schema}
\else
  \set schema public
\endif

SELECT pg_catalog.format('CREATE ROLE %I LOGIN', name)
  FROM pg_catalog.unnest(ARRAY['forgelog_trimmer', 'forgelog_monitor', 'forgelog_reader']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) \gexec

-- forgelog trim; it reads the consumers for --keep-consumers, and to name those that it left behind
GRANT CONNECT ON DATABASE :"DBNAME" TO forgelog_trimmer;
GRANT USAGE ON SCHEMA :"schema" TO forgelog_trimmer;
GRANT SELECT, DELETE ON :"schema".forge_change_log TO forgelog_trimmer;
GRANT SELECT ON :"schema".forge_change_log_consumers TO forgelog_trimmer;

-- forgelog status, doctor; pg_read_all_stats shows the age of other roles' transactions
GRANT CONNECT ON DATABASE :"DBNAME" TO forgelog_monitor;
GRANT USAGE ON SCHEMA :"schema" TO forgelog_monitor;
GRANT SELECT ON :"schema".forge_change_log TO forgelog_monitor;
GRANT SELECT ON :"schema".forge_change_log_state TO forgelog_monitor;
GRANT SELECT ON :"schema".forge_change_log_consumers TO forgelog_monitor;
GRANT SELECT ON :"schema".forge_change_log_parked TO forgelog_monitor;
GRANT SELECT ON :"schema".forge_change_log_backfills TO forgelog_monitor;
GRANT pg_read_all_stats TO forgelog_monitor;

-- forgelog drain and follow, with --name
GRANT CONNECT ON DATABASE :"DBNAME" TO forgelog_reader;
GRANT USAGE ON SCHEMA :"schema" TO forgelog_reader;
GRANT SELECT ON :"schema".forge_change_log TO forgelog_reader;
GRANT SELECT ON :"schema".forge_change_log_state TO forgelog_reader;
GRANT SELECT, INSERT, UPDATE ON :"schema".forge_change_log_consumers TO forgelog_reader;
