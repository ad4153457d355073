-- The files of this tree are as .editorconfig tells editors to write them.
local docs = require "support.docs"
local support = require "support"

local root = os.getenv("FORGELOG_ROOT")
local NOT_TEXT = { png = true }

-- What a section's name matches, as a Lua pattern: of the forms that are used here.
local function pattern_of(glob)
  local pattern = glob:gsub("[%-.]", "%%%0"):gsub("%*%*", "\0"):gsub("%*", "[^/]*")
  pattern = pattern:gsub("%z", ".*")
  return (glob:find("/", 1, true) and "^" or "/") .. pattern .. "$"
end

local function alternatives(glob)
  local before, list, behind = glob:match("^(.-){([^}]*)}(.*)$")
  if not before then return { pattern_of(glob) } end
  local patterns = {}
  for word in list:gmatch("[^,]+") do
    patterns[#patterns + 1] = pattern_of(before .. word .. behind)
  end
  return patterns
end

local sections = {}
for line in docs.read(".editorconfig"):gmatch("[^\n]+") do
  local glob, key, value = line:match("^%[(.+)%]$"), line:match("^([%w_]+) = (.*)$")
  if glob then
    sections[#sections + 1] = { patterns = alternatives(glob), rules = {} }
  elseif key and #sections > 0 then
    sections[#sections].rules[key] = value
  end
end

-- The last section that says something of a file counts.
local function rules_of(name)
  local rules = {}
  for _, section in ipairs(sections) do
    for _, pattern in ipairs(section.patterns) do
      if name:find(pattern) or ("/" .. name):find(pattern) then
        for key, value in pairs(section.rules) do rules[key] = value end
      end
    end
  end
  return rules
end

-- The rules that a text breaks.
local function broken(text, rules)
  local list = {}
  local function add(rule, is_broken) if is_broken then list[#list + 1] = rule end end
  add("end_of_line", text:find("\r", 1, true))
  add("insert_final_newline", text:sub(-1) ~= "\n")
  add("trim_trailing_whitespace", text:find("[ \t]\n"))
  -- (Where tabs indent, long lines go on behind spaces.)
  add("indent_style", rules.indent_style == "space" and ("\n" .. text):find("\n *\t"))
  local most = tonumber(rules.max_line_length)
  for line in text:gmatch("[^\n]+") do
    -- Bytes behind the first one of a character are not counted.
    if most and #line > most and #line:gsub("[\128-\191]", "") > most then
      add("max_line_length", true)
    end
  end
  return list
end

describe("the files", function()
  local names = {}
  setup(function()
    local _, output = support.run("cd '" .. root .. "' && find . -path ./build -prune -o "
      .. "-path ./.git -prune -o -path ./docs/reference -prune -o -type f -size +0 -print")
    for name in output:gmatch("%./([^\n]+)") do
      if not NOT_TEXT[name:match("%.(%w+)$") or ""] then names[#names + 1] = name end
    end
  end)

  it("are as .editorconfig says", function()
    for _, name in ipairs(names) do
      local wrong = broken(docs.read(name), rules_of(name))
      assert.equal("", table.concat(wrong, ", "), name)
    end
    assert.is_true(#names > 500)
  end)

  it("have each rule looked at", function()
    local rules = rules_of("src/x.lua")
    assert.equal("100", rules.max_line_length)
    assert.equal("tab", rules_of("debian/rules").indent_style)
    assert.equal("off", rules_of("types/forgelog/x.lua").max_line_length)
    assert.same({ "end_of_line", "insert_final_newline", "trim_trailing_whitespace",
      "indent_style", "max_line_length" }, broken("\ta\r\nb \n" .. ("c"):rep(101), rules))
    assert.same({ "insert_final_newline" }, broken("a", rules))
    assert.same({}, broken("a\n" .. ("\195\164"):rep(100) .. "\n", rules))
  end)
end)
