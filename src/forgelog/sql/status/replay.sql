-- How far a hot standby is behind its primary.
-- Parameters: none.
-- Columns: paused boolean (replay was paused, or is to be), bytes bigint (received and not replayed
-- yet; NULL: nothing was received since it started), seconds float8 (since the last transaction
-- that was replayed was committed; NULL: none was), connected boolean (to one that it follows),
-- host text and port int (of that; NULL: this role may not know); no row on a primary.
SELECT pg_catalog.pg_get_wal_replay_pause_state() <> 'not paused' AS paused,
       greatest(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(),
                                           pg_catalog.pg_last_wal_replay_lsn()), 0)::bigint
         AS bytes,
       greatest(extract(epoch FROM pg_catalog.clock_timestamp()
                                     - pg_catalog.pg_last_xact_replay_timestamp()), 0)::float8
         AS seconds,
       r.pid IS NOT NULL AS connected,
       r.sender_host AS host, r.sender_port AS port
  FROM (VALUES (true)) one(row)
  LEFT JOIN pg_catalog.pg_stat_wal_receiver r ON true
 WHERE pg_catalog.pg_is_in_recovery();
