--- A log that is partitioned by ranges of seq, made by hand in the place of the plain one: the same
-- functions write to it, and the same readers read it. forgelog itself makes no such log.
-- @module bench.retention.partitioned
local partitioned = {}

-- The last partition takes what no other one does: without it a write fails where nobody has made
-- the next one in time.
local MAKE = [[
DO $$
DECLARE
  size bigint := %d;
  number int := %d;
BEGIN
  ALTER SEQUENCE forge_change_log_seq_seq OWNED BY NONE;
  ALTER TABLE forge_change_log RENAME TO plain;
  CREATE TABLE forge_change_log (LIKE plain INCLUDING DEFAULTS) PARTITION BY RANGE (seq);
  DROP TABLE plain;
  ALTER TABLE forge_change_log ADD PRIMARY KEY (seq);
  ALTER SEQUENCE forge_change_log_seq_seq OWNED BY forge_change_log.seq;
  CREATE TRIGGER forge_log_deleted AFTER DELETE ON forge_change_log
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION forge_log_deleted();
  FOR i IN 0 .. number - 1 LOOP
    EXECUTE format('CREATE TABLE part_%%s PARTITION OF forge_change_log'
                   ' FOR VALUES FROM (%%s) TO (%%s)', i, i * size, (i + 1) * size);
  END LOOP;
  EXECUTE format('CREATE TABLE part_rest PARTITION OF forge_change_log'
                 ' FOR VALUES FROM (%%s) TO (MAXVALUE)', number * size);
  GRANT SELECT, INSERT ON forge_change_log TO forgelog;
END $$]]

--- Puts a partitioned log in the place of a plain one that is empty.
-- @param side a database, see bench.retention.log
-- @param size seqs of a partition
-- @param number partitions beside the last one
function partitioned.make(side, size, number)
  side.size = size
  side:must(MAKE:format(size, number))
  -- Who reads a log knows it by its number.
  side.log:close()
  side.log = side:connect()
end

-- No trigger tells what goes with a partition, so it is written down before.
local function note(side, i)
  side:must("UPDATE forge_change_log_state SET trimmed_to = $1::bigint, empty_to = $1::bigint,"
    .. " deleted = deleted + int8multirange(int8range(1, $1::bigint + 1))", (i + 1) * side.size - 1)
end

--- Takes the partition of a number away. It waits for all who write, and whoever comes to write
-- later waits behind it.
function partitioned.drop(side, i)
  note(side, i)
  side:must(("DROP TABLE part_%d"):format(i))
end

--- The same so that nobody waits behind it.
function partitioned.detach(side, i)
  note(side, i)
  side:must(("ALTER TABLE forge_change_log DETACH PARTITION part_%d CONCURRENTLY"):format(i))
  side:must(("DROP TABLE part_%d"):format(i))
end

return partitioned
