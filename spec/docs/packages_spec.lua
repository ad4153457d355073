-- The files that packages, images and continuous integration are made of agree with the tree. That
-- the packages can be built, installed and removed is what 'make deb test-deb' finds out.
local docs = require "support.docs"
local yaml = require "lyaml"

local function words(text)
  local list = {}
  for word in text:gmatch("%S+") do list[#list + 1] = word end
  return list
end

describe("the packages", function()
  it("are of the version that the library tells", function()
    local release = require("forgelog")._VERSION
    assert.equal(release, docs.read("debian/changelog"):match("^forgelog %(([^)]+)%)"))
    assert.truthy(docs.read("CHANGELOG.md"):find("\n## " .. release, 1, true))
  end)

  it("are for each Lua that is tested, LuaJIT's by the modules for 5.1", function()
    local tested = words(docs.read("Makefile"):match("\nTEST_VERSIONS = ([^\n]+)"))
    local packaged = words(docs.read("debian/rules"):match("\nversions = ([^\n]+)"))
    packaged[#packaged + 1] = "jit"
    table.sort(tested)
    table.sort(packaged)
    assert.same(tested, packaged)
  end)
end)

describe("the files of docker", function()
  it("name images, files and folders that there are", function()
    local services = yaml.load(docs.read("examples/docker/compose.yaml")).services
    assert.same({ context = "../..", dockerfile = "examples/docker/Dockerfile" },
      services.openresty.build)
    assert.equal("service_healthy", services.openresty.depends_on.postgres.condition)
    local file, config = docs.read("examples/docker/Dockerfile"),
      docs.read("examples/openresty/nginx.conf")
    local port = file:match("\nEXPOSE (%d+)\n")
    local command = file:match('\nCMD %["/opt/forgelog/([^"]+)"')
    assert.same({ ("127.0.0.1:%s:%s"):format(port, port) }, services.openresty.ports)
    assert.truthy(config:find("listen 127.0.0.1:" .. port, 1, true))
    assert.matches("^#!", docs.read(command))
    -- What the page's programs are told from outside.
    for name in pairs(services.openresty.environment) do
      assert.truthy(config:find("env " .. name .. ";", 1, true))
    end
  end)
end)

describe("continuous integration", function()
  it("runs the suite, and PostgreSQL's other versions", function()
    local jobs = yaml.load(docs.read(".github/workflows/ci.yml")).jobs
    local function last(job) return job.steps[#job.steps].run end
    assert.matches("^#!", docs.read(last(jobs.test)))
    local versions = docs.read("Makefile"):match("\nVERSIONS = ([^\n]+)")
    assert.equal(versions, table.concat(jobs.postgresql.strategy.matrix.version, " "))
    for target in last(jobs.packages):match("^make (.*)"):gmatch("%S+") do
      assert.truthy(docs.read("Makefile"):find("\n" .. target .. ":", 1, true), target)
    end
  end)
end)
