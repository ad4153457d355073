-- The page of `make demo-openresty` in a real browser: what each button does is seen on it. It runs
-- with the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local browser = require "support.browser"
local logs = require "support.logs"
local nginx = require "support.nginx"
local process = require "support.process"
local shop = require "support.shop"
local support = require "support"

describe("the page of examples/openresty", function()
  if not browser.available() then return pending("chromium or chromium-driver is not installed") end
  local server, running, page

  -- The right side asks every two seconds: a transaction stays open for 3.2.
  setup(function()
    server = shop.server()
    running = shop.start(server)
    page = browser.start()
    page:open(running.base .. "/?poll=2")
    page:click("#busy") -- prices change only where a test says so
    page:wait_for("#state", "^Fresh")
  end)
  teardown(function()
    if page then page:stop() end
    running:stop()
    server:stop()
  end)
  after_each(function() assert.same({}, page:mistakes()) end)

  local function price(side, id) return ("#%s [data-id='%d'] .price"):format(side, id) end
  local function note(side, id) return ("#%s [data-id='%d'] .note"):format(side, id) end

  local function set(id, value)
    running:psql(("UPDATE product SET price = %s, updated_at = now() WHERE id = %d"):format(
      value, id))
  end

  -- Whether something has a class at this moment.
  local function is(selector, class)
    return page:run("return document.querySelector(arguments[0]).classList.contains(arguments[1])",
      selector, class)
  end

  local function wait_for_role(name, role)
    page:wait_for("#" .. name .. " span", role, 20)
  end

  it("shows a change on the left side at once, and on the right side when that asks", function()
    page:wait_for(price("polled", 1), "%d")
    set(1, "5.55")
    page:wait_for(price("live", 1), "^5.55$", 1)
    assert.is_true(is("#live [data-id='1']", "changed"))
    page:wait_for(price("polled", 1), "^5.55$", 4)
    assert.is_true(is("#polled [data-id='1']", "changed"))
    local took = page:text(note("live", 1))
    support.note("left: %s; right: %s", took, page:text(note("polled", 1)))
    assert.matches("^%d+ ms after commit$", took)
    support.wait_until(function() return not is("#live [data-id='1']", "changed") end, "no flash")
  end)

  it("changes a price", function()
    page:click("#change")
    local said = page:wait_for("#said", "now costs %d")
    local name, cost = said:match("^(.+) now costs ([%d.]+)%.$")
    support.wait_until(function()
      return page:run([[return [...document.querySelectorAll('#live .card')].some(card =>
        card.querySelector('.name').textContent === arguments[0] &&
        card.querySelector('.price')?.textContent === arguments[1])]], name, cost)
    end, said, 1)
  end)

  it("goes on while a transaction is open, and shows that at its commit: the poll misses it",
    function()
      local before = page:text(price("live", 6))
      page:click("#open")
      page:wait_for("#live [data-id='6'] .wait", "^commits in %d s$", 2)
      set(1, "6.66")
      page:wait_for(price("live", 1), "^6.66$", 1)
      page:wait_for(price("polled", 1), "^6.66$", 2.5)
      assert.equal(before, page:text(price("live", 6)))
      support.wait_until(function() return page:text(price("live", 6)) ~= before end, "commit", 5)
      assert.matches("^%d+ ms after", page:text(note("live", 6)))
      page:wait_for(note("polled", 6), "^missed " .. page:text(price("live", 6)) .. "$", 5)
      assert.equal(before, page:text(price("polled", 6)))
      assert.is_true(is("#polled [data-id='6']", "missed"))
    end)

  it("refuses a deleted API key at once, and takes it again", function()
    page:wait_for("#live .answer", "^accepted$")
    page:wait_for("#polled .answer", "^accepted$")
    page:click("#key")
    page:wait_for("#live .answer", "^refused$", 1)
    page:wait_for("#polled .answer", "^refused$", 4)
    page:wait_for("#key", "^Add")
    page:click("#key")
    page:wait_for("#live .answer", "^accepted$", 1)
  end)

  it("says that it is cut off, and recovers", function()
    page:click("#cut")
    wait_for_role("A", "^does not answer$")
    page:wait_for("#state", "^Not known to be fresh", 6)
    assert.is_true(is("#live", "stale"))
    page:wait_for("#live .answer", "^not known$", 5)
    support.wait_until(function()
      return not page:run("return document.querySelector('#polled .failed').hidden")
    end, "the right side to have failed", 6)
    assert.truthy(running:get("/status"):find('"fresh": false', 1, true))
    page:click("#cut")
    wait_for_role("A", "^primary$")
    page:wait_for("#state", "^Fresh", 6)
    page:wait_for("#live .answer", "^accepted$")
    set(2, "8.88")
    page:wait_for(price("live", 2), "^8.88$", 2)
    assert.is_false(is("#live", "stale"))
  end)

  it("goes on after a failover, and after the next one", function()
    for round, name in ipairs({ "B", "A" }) do
      local started = logs.now()
      wait_for_role(name, "^standby")
      page:click("#failover")
      wait_for_role(name, "^primary$")
      page:wait_for("#state", "^Fresh", 10)
      set(3, round .. ".11")
      page:wait_for(price("live", 3), "^" .. round .. ".11$", 5)
      page:wait_for("#resyncs-value", "^" .. round .. ": failover$", 5)
      support.note("failover %d: %.1f s", round, logs.now() - started)
      -- What it told to type reaches whichever is the primary.
      assert(support.run(running.process:output():match("\n(psql [^\n]+)\n")))
    end
    wait_for_role("B", "^standby")
  end)

  it("fits a telephone, and moves nothing for who wants no motion", function()
    for _, scheme in ipairs({ "light", "dark" }) do
      page:prefer({ ["prefers-color-scheme"] = scheme, ["prefers-reduced-motion"] = "reduce" },
        360)
      assert.is_true(page:run("return document.documentElement.scrollWidth <= innerWidth"))
      set(4, scheme == "light" and "3.33" or "4.44")
      support.wait_until(function() return is("#live [data-id='4']", "changed") end, "a change", 2)
      assert.equal("none", page:run([[
        return getComputedStyle(document.querySelector('.changed')).animationName]]))
    end
    page:prefer({})
  end)
end)

describe("examples/openresty/run", function()
  it("says how to choose another port where its own is taken", function()
    local listening = assert(require("socket").bind("127.0.0.1", 0))
    local _, port = listening:getsockname()
    for _, example in ipairs({ "openresty", "api_keys", "basic_auth" }) do
      local ok, output, errors = support.run(("%s/examples/%s/run %d"):format(
        os.getenv("FORGELOG_ROOT"), example, port))
      assert.same({ false, "" }, { ok, output })
      assert.equal(("port %d is taken: choose another one, with make by OPENRESTY_PORT=8091, "
        .. "else as the first argument\n"):format(port), errors)
    end
    listening:close()
  end)

  it("serves as root, with an ordinary user's PATH, where the server asks who logs in", function()
    if not support.run("test $(id -u) = 0") then return pending("whoever runs this is not root") end
    local server, port = support.server(), nginx.free_port()
    support.psql("CREATE ROLE root SUPERUSER LOGIN", server.conninfo)
    server:hba("local all all peer")
    local as_root = ("PGUSER=root PGDATABASE=postgres PGHOST=%s PGPORT=%s"):format(server.dir,
      support.read(server.dir .. "/port"):match("%d+"))
    support.wait_until(function()
      return not support.run(("cd / && env %s setpriv --reuid nobody --clear-groups psql -Xqc ''")
        :format(as_root))
    end, "nobody to be refused", 5)
    local running = process.companion(("env PATH=/usr/local/bin:/usr/bin:/bin %s "
      .. "'%s/examples/basic_auth/run' %d 60"):format(as_root, os.getenv("FORGELOG_ROOT"), port))
    local answer = ("curl -s -u 'ann:open sesame' http://127.0.0.1:%d/"):format(port)
    support.wait_until(function()
      return select(2, support.run(answer)) == "hello, Ann Ltd\n" or not support.alive(running)
    end, "ann to be let in", 10)
    assert.is_true(support.alive(running), running:errors())
    running:kill("QUIT")
    running:wait()
    server:stop()
  end)

  it("serves the page beside a server that it must not stop", function()
    if not browser.available() then return pending("there is no chromium") end
    local server = shop.server()
    local running = shop.start(server, nil, "-u FORGELOG_TMP")
    local page = browser.start()
    page:open(running.base)
    page:wait_for("#live [data-id='1'] .price", "%d")
    page:wait_for("#state", "^Fresh")
    local shown = page:run([[return ["change", "open", "key", "cut", "failover", "A"].filter(
      id => document.getElementById(id).checkVisibility()).join(" ")]])
    page:stop()
    assert.equal("change open key", shown)
    local _, answer = support.run(("curl -s -o /dev/null -w '%%{http_code}' -X POST "
      .. "-H 'X-Button: yes' %s/do/cut"):format(running.base))
    running:stop()
    server:stop()
    assert.equal("404", answer)
  end)

  it("leaves no server behind on Ctrl-C, not even one that stands still", function()
    local root, port = os.getenv("FORGELOG_ROOT"), nginx.free_port()
    local folder = select(2, support.run("mktemp -d")):match("[^\n]+")
    assert(support.run("chmod 755 " .. folder))
    local demo = support.start(("cd '%s' && exec env TMPDIR=%s spec/support/with-postgres "
      .. "-c track_commit_timestamp=on -- examples/openresty/run %d"):format(root, folder, port))
    local function ask(rest)
      return select(2, support.run(("curl -s -m 5 http://127.0.0.1:%d/%s"):format(port, rest)))
    end
    support.wait_until(function() return ask("status"):find('"B":"standby"', 1, true) end,
      "the demo", 20)
    ask("do/cut -X POST -H 'X-Button: yes'")
    support.wait_until(function() return ask("status"):find('"silent"', 1, true) end, "silence")
    local function left()
      return select(2, support.run(("pgrep -a -f %s | grep -v pgrep"):format(folder)))
    end
    assert.truthy(left():find("postgres", 1, true))
    demo:kill("INT")
    demo:wait()
    support.wait_until(function() return left() == "" end, "the end of all", 10)
    assert(support.run("rmdir " .. folder))
  end)
end)
