-- The key of a change as a list of texts.
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

local key, must = forgelog.key, logs.must

describe("the key of a change", function()
  it("is nil without a row_id", function()
    assert.is_nil(key({ op = "TRUNCATE" }))
    assert.is_nil(key({ op = "TRUNCATE", txid = 7, row_id = require("dkjson").null }))
  end)

  it("is the row_id as it is where it is one column's, whatever it looks like", function()
    for _, row_id in ipairs({ "1", "", '["a","b"]', "[1, 2]", "{}" }) do
      assert.same({ row_id }, key({ row_id = row_id, txid = 7 }))
      assert.same({ row_id }, key({ row_id = row_id, key_cols = 1 }))
      assert.same({ row_id }, key({ row_id = row_id, op = "READ" }))
    end
  end)

  it("is each text of several columns, exactly", function()
    local function of(row_id) return key({ row_id = row_id, key_cols = 2, txid = 7 }) end
    assert.same({ "9007199254740993", "b" }, of('["9007199254740993", "b"]'))
    assert.same({ "", " " }, of(' [ "" ,\t" "\n] '))
    assert.same({ 'say "x"', "a\\b/c" }, of([=[["say \"x\"","a\\b\/c"]]=]))
    assert.same({ "\b\f\n\r\t", "\1\127" }, of('["\\b\\f\\n\\r\\t", "\\u0001\127"]'))
    assert.same({ "é€", "\240\159\152\128" }, of('["\\u00e9\\u20AC", "\\uD83D\\ude00"]'))
    assert.same({ "\127\194\128\223\191", "\224\160\128\239\191\191\240\144\128\128" },
      of('["\\u007f\\u0080\\u07ff", "\\u0800\\uffff\\ud800\\udc00"]'))
    assert.same({ "\244\143\191\191", "ä" }, of('["\\udbff\\udfff", "ä"]'))
    assert.same({ "[1]", "]" }, of('["[1]", "]"]'))
    assert.same({ "a", "b", "c" }, key({ row_id = '["a","b","c"]', key_cols = 3 }))
  end)

  it("is the row_id where that is no such list", function()
    for _, row_id in ipairs({ "", "[", "[]", '["a"]', '["a","b"', '["a","b"]x', '["a",]', '["a"b"]',
      '["a" "b"]', '["a","\\x"]', '["a","\\u12"]', '["a","\\ud800"]', '["a","\\ud800\\u0041"]',
      '["a","\\udc00"]', '["a","\1"]', '["a",["b"]]', '["a",1]', '["a",b]', '"a","b"' }) do
      assert.same({ row_id }, key({ row_id = row_id, key_cols = 2 }), row_id)
    end
  end)

  it("is the scalars as they were written, of a log of the first edition", function()
    assert.same({ "9007199254740993", "b" }, key({ row_id = '[9007199254740993, "b"]' }))
    assert.same({ "-0.10", "1e-300", "1E+5", "0", "12.50e10" },
      key({ row_id = "[-0.10, 1e-300, 1E+5, 0, 12.50e10]" }))
    assert.same({ "true", "false", "null" }, key({ row_id = "[true,false,null]" }))
    for _, row_id in ipairs({ "7", "[7]", "[1, 2", "[1, [2]]", "[1, {}]", "[1, 02]", "[1, +2]",
      "[1, .5]", "[1, 5.]", "[1, 1e]", "[1, nan]", "[1, -]", "[1, 1.e5]", "[1 2]", "[1,2]]" }) do
      assert.same({ row_id }, key({ row_id = row_id }), row_id)
    end
  end)

  it("is the same of a change that went through JSON", function()
    local json = require "dkjson"
    for _, change in ipairs({
      { row_id = '["1","2"]', key_cols = 2, txid = 7 }, { row_id = "[1,2]", txid = 7 },
      { row_id = '[1,"2"]' }, { op = "TRUNCATE" },
    }) do
      assert.same(key(change), key(json.decode(json.encode(change))))
    end
    assert.same({ "1", "2" }, key({ row_id = '[1,"2"]', key_cols = json.null, txid = json.null }))
  end)

  it("finds its row in a database", function()
    local db, log = logs.installed(nil, { t = "a bigint, b text, n int, PRIMARY KEY (a, b)" })
    must(log, [[INSERT INTO t VALUES (9007199254740993, 'say "x"\ ' || chr(1) || 'ü', 1)]])
    local found = key(log:drain()())
    assert.equal(1, must(log, "SELECT n FROM t WHERE a = $1 AND b = $2", found[1], found[2])[1].n)
    log:close()
    support.drop(db)
  end)
end)
