--- The functions behind capture triggers: those for all tables, which make their statement each
-- time, and those of one table, in which the statements stand that the generator (sql/ddl/
-- compile.sql) has made for it.
-- @module forgelog.tables.compile
local arguments = require "forgelog.tables.arguments"
local arrays = require "forgelog.connection.arrays"
local sql = require "forgelog.connection.sql"
local uncompiled = require "forgelog.connection.uncompiled"

local compile = {}

-- With which settings every capture function runs: names mean what they mean in pg_catalog, and no
-- plan is worth compiling to machine code.
local SETTINGS = "SET search_path = pg_catalog, pg_temp SET jit = off"

-- The same with those under which all types print their values alike in every session. They cost a
-- write some microseconds, so a function does without them whose key and kept values need none.
local function pinned_settings()
  local parts = { SETTINGS }
  for name, value in sql.text("words.pinned_settings"):gmatch("%('(%w+[%w_]*)', '(%w+)'%)") do
    parts[#parts + 1] = ("SET %s = '%s'"):format(name, value)
  end
  return table.concat(parts, " ")
end

-- How a function ends that may be called before a row is written, too.
local FINISH = "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n  RETURN NEW;"

local LEVELS = { insert = "by_statement", update = "by_statement", delete = "by_statement",
  row = "by_row", truncate = "truncate" }

-- The statement that makes a trigger function. Its body is a literal, since the names of a user's
-- table stand in it, and no other way of quoting is safe from these. `plain`: it does without the
-- settings for printing, and takes them on where it has to have its statement made. `made_by`: a
-- comment that says which generator its statements are of.
local function create(schema, name, kind, words, plain, made_by)
  words.schema, words.rows = schema, kind == "delete" and "old_rows" or "new_rows"
  words.schema_oid = ("%.0f"):format(words.schema_oid)
  words.pin = plain and ("PERFORM %s.forge_pin();"):format(schema) or ""
  words.unpin = plain and ("PERFORM %s.forge_unpin();"):format(schema) or ""
  words.declare = kind == "update" and "DECLARE\n  logged bigint;" or ""
  local body = (made_by and made_by .. "\n" or "") .. sql.fill("ddl." .. LEVELS[kind], words)
  return ("CREATE OR REPLACE FUNCTION %s.%s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER\n"
    .. "%s AS %s;\nREVOKE EXECUTE ON FUNCTION %s.%s() FROM PUBLIC;"):format(
    schema, name, plain and SETTINGS or pinned_settings(), sql.literal("-- forgelog\n" .. body),
    schema, name)
end

--- The statements that make a capture function for any table. Its comment says which version it is
-- of, and in which schema it looks for the others.
-- @string schema of the log, quoted where SQL needs it
-- @int schema_oid its number
-- @int version of the database objects
-- @string kind "insert", "update", "delete", "truncate" or "row"
-- @string[opt] name default: forge_capture_KIND
-- @treturn string
function compile.general(schema, schema_oid, version, kind, name)
  name = name or "forge_capture_" .. kind
  local made = create(schema, name, kind,
    { branches = "", finish = FINISH, schema_oid = schema_oid })
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

-- The branch of a function for one table: its statements, where the trigger speaks for that table
-- (`own`) and the table is as it was. Wherever it is altered, PostgreSQL plans the condition anew,
-- since that names the table.
local function branch(schema, oid, own, kind, made)
  return ("ELSIF %s AND %s.forge_shape('%.0f'::regclass) = %s THEN\n%s"):format(own, schema, oid,
    sql.literal(made.shape), branches[kind](made))
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
-- @string args arguments of its triggers, as an SQL array
-- @string[opt] owner of capture functions, quoted; nil: whoever runs the statements
-- @return the text of the statements; nil where the table cannot be known now; or nil and an error
function compile.of_table(conn, home, oid, kinds, args, owner)
  local rows, err = uncompiled(conn):run_in(home, "tables.compiled", oid, args)
  if not rows then return nil, err end
  local made, schema, statements = rows[1], sql.identifier(home), {}
  if not made.shape then return nil end
  for _, kind in ipairs(kinds) do
    local name = compile.name(kind, oid)
    local own = kind == "row" and "TG_NAME = 'forge_capture_row_%.0f'" or "TG_RELID = %.0f"
    statements[#statements + 1] = create(schema, name, kind, {
      branches = branch(schema, oid, own:format(oid), kind, made), finish = "RETURN NEW;",
      schema_oid = made.schema_oid,
    }, made.plain, made.made_by)
    local owned = "ALTER FUNCTION %s.%s() OWNER TO %s;"
    if owner then statements[#statements + 1] = owned:format(schema, name, owner) end
  end
  return table.concat(statements, "\n")
end

--- The statement that makes the function forge_notify_change for the tables that it was attached to
-- by hand, which it serves quicker than others.
-- @param conn the connection
-- @string home name of the log's schema
-- @tparam table rows of sql/tables/by_hand.sql
-- @return the text of the statement; or nil and an error
function compile.by_hand(conn, home, rows)
  local schema, parts, schema_oid = sql.identifier(home), {}, 0
  for _, row in ipairs(rows) do
    local args = arrays.write(arguments.decode(row.args))
    local made, err = uncompiled(conn):run_in(home, "tables.compiled", row.oid, args)
    if not made then return nil, err end
    local own = ("TG_NAME = %s AND TG_RELID = ANY (%s)"):format(sql.literal(row.trigger),
      sql.literal(row.tables))
    schema_oid = made[1].schema_oid
    -- A table that another one speaks for has no statement.
    if made[1].shape and made[1].row_insert:find("^INSERT") then
      parts[#parts + 1] = branch(schema, row.oid, own, "row", made[1])
    end
  end
  return create(schema, "forge_notify_change", "row",
    { branches = table.concat(parts, "\n"), finish = FINISH, schema_oid = schema_oid })
end

return compile
