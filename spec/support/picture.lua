-- picture.lua PATH: writes a picture of the page of examples/openresty, some time after it began.
-- 'make demo-picture' runs it.
local browser = require "support.browser"
local logs = require "support.logs"
local shop = require "support.shop"

local path = assert(arg[1], "usage: picture.lua PATH")

local server = shop.server()
local running = shop.start(server)
local page = browser.start(1240, 800)
page:open(running.base)
page:wait_for("#state", "^Fresh", 10)
page:wait_for("#polled [data-id='6'] .price", "%d")
page:prefer({}, 1240, page:run("return document.documentElement.scrollHeight"))
logs.pause(15)
page:click("#failover")
page:wait_for("#A span", "^standby", 20)
logs.pause(5)
page:click("#open")
page:wait_for("#polled .missed .note", "^missed", 30)
page:click("#key")
page:wait_for("#live .answer", "^refused$")
page:click("#change")
local name, price = page:wait_for("#said", "now costs"):match("^(.+) now costs (%d+%.%d+)%.$")
page:wait_for("#live .cards", name .. "%s+" .. price:gsub("%.", "%%.")) -- while it flashes
page:picture(path)
page:stop()
running:stop()
server:stop()
