-- What the buttons of the page do: to rows, and, by a word to the script `stage`, to the servers.
local forgelog = require "forgelog"
local with_log = require "pool"

local counts = ngx.shared.counts
local buttons = {}

local CHANGE = [[
  UPDATE product SET updated_at = now(),
      price = least(20, greatest(1, round((price * (0.85 + 0.3 * random()))::numeric, 2)))
    WHERE id = %s
    RETURNING json_build_object('id', id, 'name', name, 'price', price)::text AS said]]
-- One that no open transaction holds.
local ANY = "(SELECT id FROM product ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)"
local LAST = "(SELECT max(id) FROM product)"

local function query(log, ...) return log:query(...) end

local function run(sql)
  return function()
    local rows, err = with_log(query, sql)
    if not rows then return nil, err end
    return rows[1] and rows[1].said or "null"
  end
end

-- A transaction that changes a row, and commits that some seconds later.
local function stay_open(premature, seconds)
  if premature then return end
  local log, err = forgelog.connect(nil, { timeout = 5 })
  local ok = log
  if ok then ok, err = log:query("BEGIN") end
  if ok then ok, err = log:query(CHANGE:format(LAST)) end
  local ends = ngx.now() + seconds
  while ok and ngx.now() < ends and not ngx.worker.exiting() do ngx.sleep(0.1) end
  if ok then ok, err = log:query("COMMIT") end
  if not ok then ngx.log(ngx.WARN, tostring(err)) end
  if log then log:close() end
  counts:delete("open_until")
end

local function open()
  local seconds = math.min(tonumber(ngx.var.arg_seconds) or 8, 60)
  local is_first = counts:add("open_until", ngx.now() + seconds, seconds + 10)
  if not is_first then return nil, "a transaction is open already" end
  local ok, err = ngx.timer.at(0, stay_open, seconds)
  return ok and "null", err
end

local function ask_stage(word)
  return function()
    local pipe, err = io.open(os.getenv("STAGE") .. "/words", "a")
    if not pipe then return nil, err end
    pipe:write(word, "\n")
    pipe:close()
    return "null"
  end
end

local does = {
  change = run(CHANGE:format(ANY)),
  open = open,
  delete = run("DELETE FROM api_key WHERE key = 'ann-1'"),
  add = run("INSERT INTO api_key VALUES ('ann-1', 'ann') ON CONFLICT DO NOTHING"),
}
if os.getenv("STAGE") then
  for _, word in ipairs({ "cut", "back", "failover" }) do does[word] = ask_stage(word) end
end

-- Answers with what the page is to say of it, as JSON.
function buttons.press(name)
  -- A page of another site cannot send such a header.
  if ngx.req.get_method() ~= "POST" or not ngx.var.http_x_button then return ngx.exit(403) end
  if not does[name] then return ngx.exit(404) end
  local said, err = does[name]()
  if said then return ngx.say(said) end
  ngx.status = 503 -- luacheck: ignore 122
  ngx.say((tostring(err):gsub("%s+", " ")))
end

return buttons
