-- A log that somebody else has made is taken if its columns can take all that triggers write, and
-- refused before a write of an application fails there.
local failures = require "support.failures"
local findings = require "support.findings"
local logs = require "support.logs"
local support = require "support"

local must, fails = logs.must, failures.refused

describe("the columns of a log that was there before", function()
  local db, log
  before_each(function()
    db, log = logs.empty()
    must(log, "CREATE TABLE t (id text PRIMARY KEY, n int)")
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local BEGINS = "CREATE TABLE forge_change_log (seq bigserial PRIMARY KEY, "

  local function create(columns)
    must(log, "DROP TABLE IF EXISTS forge_change_log; " .. BEGINS .. columns .. ")")
  end

  it("are refused where they cannot take what is written", function()
    for _, case in ipairs({
      { "table_name text, op text, row_id bigint", "row_id is bigint" },
      { "table_name text, op text, row_id varchar(64)", "row_id is character varying(64)" },
      { "table_name text, op text, row_id bpchar", "row_id is bpchar" },
      { "table_name text, op text, changed_cols text[]", "changed_cols is text[]" },
      { "table_name text, op char(1)", "op is character(1)" },
      { "table_name text, op varchar(6), row_id uuid",
        "op is character varying(6), row_id is uuid" },
      { "table_name varchar(63), op text", "table_name is character varying(63)" },
      { "table_name name, op text", "table_name is name" },
      { "table_name regclass, op text", "table_name is regclass" },
    }) do
      create(case[1])
      local err = fails("schema", case[2] .. "; ALTER them to text", log:install())
      assert.equal("column_type", err.code)
      assert.equal("column_type", assert(log:installed()).obstacle_code)
    end
    must(log, [[ALTER TABLE forge_change_log ALTER table_name TYPE text]])
    assert.same({ true, true }, { log:install() })
  end)

  it("are refused where one has to be filled that nothing fills", function()
    must(log, "CREATE DOMAIN filled AS int NOT NULL")
    for _, case in ipairs({
      { "table_name text, op text, tenant int NOT NULL", "tenant integer" },
      { "table_name text, op text, tenant filled", "tenant filled" },
      { 'table_name text, op text, "by" text NOT NULL, row_id text NOT NULL',
        "by text, row_id text" },
      { "table_name text, op text, context text NOT NULL DEFAULT 'x'", "context text" },
      { "table_name text, op text, txid bigint NOT NULL", "txid bigint" },
    }) do
      create(case[1])
      local err = fails("schema", case[2] .. "; DROP NOT NULL", log:install())
      assert.equal("column_not_null", err.code)
    end
    findings.finds(log, "install", "error", "txid bigint")
    must(log, "ALTER TABLE forge_change_log ALTER txid DROP NOT NULL")
    assert.same({ true, true }, { log:install() })
  end)

  it("are taken where they can, and all is written there", function()
    local long = ("x"):rep(2000)
    for _, columns in ipairs({
      "table_name varchar NOT NULL, op varchar NOT NULL, row_id varchar, changed_cols varchar",
      "table_name varchar(255), op varchar(10), tenant int NOT NULL DEFAULT 7, note text",
      "table_name char(255), op char(9), txid bigint NOT NULL DEFAULT txid_current()",
      "table_name text, op text, id int GENERATED ALWAYS AS IDENTITY, "
        .. "created_at timestamptz(0) NOT NULL DEFAULT now(), day int NOT NULL DEFAULT 1",
    }) do
      create(columns)
      assert(log:install())
      assert.same({ true, false }, { log:install() })
      assert(log:watch("t"))
      must(log, "INSERT INTO t VALUES ($1, 1)", long)
      must(log, "UPDATE t SET n = 2; TRUNCATE t")
      assert(log:touch("t"))
      local seen = {}
      for change in assert(log:drain(0)) do
        seen[#seen + 1] = change.op
        if #seen < 3 then assert.equal(long, change.row_id) end
      end
      assert.same({ "INSERT", "UPDATE", "TRUNCATE", "RELOAD" }, seen)
    end
  end)
end)
