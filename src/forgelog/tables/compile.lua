--- The functions behind capture triggers: those for all tables, which make their statement each
-- time, and those of one table, in which the statements stand that the generator (sql/ddl/
-- compile.sql) has made for it.
-- @module forgelog.tables.compile
local sql = require "forgelog.connection.sql"

local compile = {}

-- With which settings a capture function runs: names mean what they mean in pg_catalog, values are
-- printed alike in every session, and no plan is worth compiling.
local SETTINGS = "SET search_path = pg_catalog, pg_temp SET jit = off SET TimeZone = 'UTC' "
  .. "SET DateStyle = 'ISO' SET IntervalStyle = 'postgres' SET bytea_output = 'hex' "
  .. "SET extra_float_digits = 1 SET lc_monetary = 'C' SET quote_all_identifiers = off"

local LEVELS = { insert = "by_statement", update = "by_statement", delete = "by_statement",
  row = "by_row", truncate = "truncate" }

-- The statement that makes a trigger function. Its body is a literal, since the names of a user's
-- table stand in it, and no other way of quoting is safe from these.
local function create(schema, name, kind, words)
  words.schema, words.rows = schema, kind == "delete" and "old_rows" or "new_rows"
  words.declare = kind == "update" and "DECLARE\n  logged bigint;" or ""
  local body = sql.fill("ddl." .. LEVELS[kind], words)
  return ("CREATE OR REPLACE FUNCTION %s.%s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER\n"
    .. "%s AS %s;\nREVOKE EXECUTE ON FUNCTION %s.%s() FROM PUBLIC;"):format(
    schema, name, SETTINGS, sql.literal("-- forgelog\n" .. body), schema, name)
end

--- The statements that make a capture function for any table. Its comment says which version it is
-- of, and in which schema it looks for the others.
-- @string schema of the log, quoted where SQL needs it
-- @int version of the database objects
-- @string kind "insert", "update", "delete", "truncate" or "row"
-- @string[opt] name default: forge_capture_KIND
-- @treturn string
function compile.general(schema, version, kind, name)
  name = name or "forge_capture_" .. kind
  local made = create(schema, name, kind, { is_known = "false", compiled = "NULL;",
    finish = "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n  RETURN NEW;" })
  local comment = sql.literal(("forgelog %d in %s"):format(version, schema))
  return ("%s\nCOMMENT ON FUNCTION %s.%s() IS %s;"):format(made, schema, name, comment)
end

-- One statement of PL/pgSQL after another.
local function lines(...) return table.concat({ ... }, "\n") end

-- The branch of a table's function that runs its statements.
local branches = {
  insert = function(made) return made.insert .. ";" end,
  delete = function(made) return made.delete .. ";" end,
  update = function(made)
    local rest = made.has_key and lines("GET DIAGNOSTICS logged = ROW_COUNT;",
      "IF logged < (SELECT count(*) FROM new_rows) THEN", made.moved .. ";",
      "FOUND := FOUND OR logged > 0;", "END IF;") or ""
    return lines(made.one .. ";", "IF NOT FOUND THEN", made.many .. ";", rest, "END IF;")
  end,
  row = function(made)
    local rest = made.has_key and lines("IF NOT FOUND THEN", made.row_moved .. ";", "END IF;") or ""
    return lines("IF TG_OP = 'INSERT' THEN", made.row_insert .. ";",
      "ELSIF TG_OP = 'DELETE' THEN", made.row_delete .. ";",
      "ELSE", made.row_update .. ";", rest, "END IF;")
  end,
}

-- The condition under which the statements are those of the table that the trigger speaks for.
-- Wherever the table is altered, PostgreSQL plans it anew, since it names the table.
local function is_known(schema, oid, kind, shape)
  local own = kind == "row" and "TG_NAME = 'forge_capture_row_%.0f'" or "TG_RELID = %.0f"
  return ("%s AND %s.forge_shape('%.0f'::regclass) = %s"):format(own:format(oid), schema, oid,
    sql.literal(shape))
end

--- The name of the function that a trigger of a table calls.
-- @string kind "insert", "update", "delete" or "row"
-- @int oid of the table
-- @treturn string
function compile.name(kind, oid) return ("forge_capture_%s_%.0f"):format(kind, oid) end

--- The statements that make the functions of one table.
-- @param conn the connection
-- @string home name of the log's schema
-- @int oid of the table
-- @tparam table kinds list of "insert", "update", "delete", "row"
-- @string arguments of its triggers, as an SQL array
-- @string[opt] owner of capture functions, quoted; nil: whoever runs the statements
-- @return the text of the statements; nil where the table cannot be known now; or nil and an error
function compile.of_table(conn, home, oid, kinds, arguments, owner)
  local rows, err = conn:run_in(home, "tables.compiled", oid, arguments)
  if not rows then return nil, err end
  local made, schema, statements = rows[1], sql.identifier(home), {}
  if not made.shape then return nil end
  for _, kind in ipairs(kinds) do
    local name = compile.name(kind, oid)
    statements[#statements + 1] = create(schema, name, kind, {
      is_known = is_known(schema, oid, kind, made.shape), compiled = branches[kind](made),
      finish = "RETURN NEW;",
    })
    local owned = "ALTER FUNCTION %s.%s() OWNER TO %s;"
    if owner then statements[#statements + 1] = owned:format(schema, name, owner) end
  end
  return table.concat(statements, "\n")
end

return compile
