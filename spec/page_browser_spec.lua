-- The page of tagua serve in a real browser. The step `page` of make check runs this: a browser is a large package.
if not os.getenv("TAGUA_BROWSER") then
  describe("the page in a browser", function()
    it("is shown by Chromium", function() pending("runs in the step page of make check") end)
  end)
  return
end

local browsers = require("spec.support.browser")
local ledgers = require("spec.support.ledger")
local page = require("spec.support.page")
local support = require("spec.support")

describe("the page in a browser", function()
  local book, address, stop, opened

  setup(function()
    book = ledgers.new()
    page.fill(book)
    book.ledger:close()
    address, stop = page.serve(book.folder)
  end)
  teardown(function()
    stop()
    os.execute("rm -rf '" .. book.folder .. "'")
  end)
  after_each(function()
    if opened then opened:close() end
    opened = nil
  end)

  -- A browser on the page, let in unless told.
  local function open(options, fragment)
    opened = browsers.open(options)
    opened:go("http://" .. address .. "/" .. (fragment or "#token=" .. page.TOKEN))
    return opened
  end

  local function overflow(b)
    return b:run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
  end

  it("takes the token from the fragment, keeps it for the tab, and takes it out of the address", function()
    local b = open()
    b:wait("#tags", "VIP")
    assert.equal("http://" .. address .. "/", b:run("return location.href"))
    assert.equal(page.TOKEN, b:run("return sessionStorage.getItem('tagua.token')"))
    assert.is_false(b:run("return JSON.stringify(localStorage).includes(arguments[0])", page.TOKEN))
    b:reload()
    b:wait("#tags", "VIP")
  end)

  it("asks for a token where there is none, and says when one is wrong", function()
    local b = open(nil, "")
    b:wait("#gate", "Admin token")
    assert.is_nil(b:text("#page"))
    assert.equal("token", b:run("return document.activeElement.id"))
    b:type("something else\u{E007}")
    b:wait("#refused", "not accepted")
    assert.is_nil(b:text("#page"))
    b:type(page.TOKEN .. "\u{E007}")
    b:wait("#tags", "VIP")
    assert.is_nil(b:text("#gate"))
  end)

  it("shows tags with sizes and lines, runs, quota and failures", function()
    local b = open()
    b:wait("#failures", "ENOTFOUND")
    b:wait("#tags", "VIP")
    assert.equal("115", b:text("#tags tbody tr:first-child td:nth-child(3)"))
    assert.equal("VIP: 0 users 30 days ago, 115 today; between 0 and 115",
      b:run("return document.querySelector('#tags tbody tr:first-child svg').getAttribute('aria-label')"))
    assert.matches("14 done · 1 failed", b:text("#runs"), 1, true)
    assert.matches("15 of 300 a minute", b:text("#figures"), 1, true)
    assert.matches("the platform does not know the user", b:text("#failures"), 1, true)
    b:click("#runs button:nth-of-type(2)")
    b:wait("#runs", "Live events rules.lua")
    b:run("location.hash = '#user=' + arguments[0]", page.user(8))
    b:wait("#found", "Asked for by a program on this host")
  end)

  it("tells what is wrong with tagua serve itself", function()
    support.write(book.folder .. "/serve.json", ([[{"rules":{"path":"rules.lua","accepted":%d,"tests":3,
      "refused":{"at":%d,"message":"rules.lua:7: '<b>' expected near 'x'"}},"draining":false,
      "configuration_changed":true,"parts":[{"part":"intake","ready":true},
      {"part":"keeper","connection":"shop","ready":false,"failure":"the disk is full"}]}]]):format(page.NOW - 7200, page.NOW - 60))
    finally(function() os.remove(book.folder .. "/serve.json") end)
    local b = open()
    local told = b:wait("#serve", "3 tests passed")
    for _, part in ipairs({ "The keeper shop does not run. the disk is full", "connections.lua was changed",
      "The rules were changed 1 minute ago and are refused; those of before go on. rules.lua:7: '<b>' expected near 'x'",
      "Rules rules.lua, in force 2 hours ago · 3 tests passed" }) do
      assert.matches(part, told, 1, true)
    end
  end)

  it("finds a user by what a person knows, with the keyboard alone, and shows the tags and why", function()
    local b = open()
    b:wait("#tags", "VIP")
    b:focus("#question")
    b:type("M7\u{E007}")
    b:wait("#found", "user7@example.com")
    b:focus("#found button")
    b:type("\u{E007}")
    local found = b:wait("#found", "Tags now")
    assert.matches("VIP", found, 1, true)
    assert.matches("Put on by run 3", found, 1, true)
    assert.matches("Rule “Tier”, rules.lua:12 · users.csv, line 7", found, 1, true)
    assert.matches("orders = 7", found, 1, true)
    assert.matches("city = 台北", found, 1, true)
    assert.matches("Put on in the console", found, 1, true)
    assert.matches("Was there before Tagua", found, 1, true)
    assert.is_nil(b:text("#tags"))
    b:click("#found button")
    b:wait("#tags", "VIP")
  end)

  it("shows markup in names and tags as the text that it is", function()
    local b = open()
    b:wait("#tags", page.EVIL_TAG)
    b:focus("#question")
    b:type("M7\u{E007}")
    b:wait("#found", page.EVIL)
    b:click("#found button")
    assert.matches(page.EVIL_TAG, b:wait("#found", "note = <i>"), 1, true)
    assert.equal("Tagua", b:run("return document.title"))
    assert.equal(0, b:run("return document.querySelectorAll('main img, main i:not(.meter i), main script').length"))
  end)

  it("runs and styles by nothing but what it came with, and asks nobody else", function()
    local b = open()
    b:wait("#tags", "VIP")
    assert.equal("Tagua", b:run([[const s = document.createElement("script");
      s.textContent = "document.title = 'taken over'"; document.body.append(s); return document.title]]))
    b:run([[const a = document.createElement("a"); a.id = "x"; a.setAttribute("onclick", "document.title = 'taken over'");
      document.body.append(a); a.click()]])
    assert.equal("Tagua", b:run("return document.title"))
    assert.is_true(b:run([[return performance.getEntriesByType("resource").every((one) => one.name.startsWith(location.origin))]]))
  end)

  it("speaks the browser's language, and the other one when asked to, from then on", function()
    local b = open({ languages = "zh-TW,zh;q=0.9,en;q=0.5" })
    b:wait("#failures-title", "失敗與原因")
    b:wait("#figures", "額度使用")
    assert.equal("zh-TW", b:run("return document.documentElement.lang"))
    b:click("[data-language=en]")
    b:wait("#failures-title", "What failed")
    b:reload()
    b:wait("#failures-title", "What failed")
    b:wait("#figures", "Quota in use")
    assert.equal("en", b:run("return document.documentElement.lang"))
  end)

  for _, language in ipairs({ "en", "zh-TW" }) do
    it("fits on a phone in " .. language, function()
      local b = open({ width = 360, height = 780, languages = language })
      b:wait("#tags", "VIP")
      b:wait("#failures", "ENOTFOUND")
      assert.equal(360, b:run("return innerWidth"))
      assert.equal(0, overflow(b))
      b:focus("#question")
      b:type("U000\u{E007}")
      b:wait("#found", "user1@example.com")
      assert.equal(0, overflow(b))
      b:run("location.hash = '#user=' + arguments[0]", page.user(7))
      b:wait("#found", "orders = 7")
      assert.equal(0, overflow(b))
      assert.equal("[]", b:run([[return JSON.stringify([...document.querySelectorAll("button.main, .languages button, input")]
        .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 38).map((e) => e.outerHTML))]]))
    end)
  end

  for _, dark in ipairs({ false, true }) do
    it(("can be read %s: every text has a contrast of 4.5 and more"):format(dark and "in the dark" or "in the light"), function()
      local b = open({ dark = dark })
      b:wait("#failures", "ENOTFOUND")
      b:wait("#tags", "VIP")
      assert.equal(dark, b:run("return matchMedia('(prefers-color-scheme: dark)').matches"))
      assert.equal("[]", b:run([[
        const parse = (text) => { const n = text.match(/[\d.]+/g).map(Number); return n[3] === 0 ? null : n; };
        const light = (c) => { const l = c.slice(0, 3).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
          return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]; };
        const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c) return c; }
          return [255, 255, 255]; };
        const low = [];
        for (const e of document.querySelectorAll("body *")) {
          const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
          if (!own || !e.checkVisibility() || e.closest(".skip, .unseen, option, style, script, title")) continue;
          const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
          const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (ratio < 4.5) low.push(e.className + " " + e.textContent.slice(0, 30) + " " + ratio.toFixed(2));
        }
        return JSON.stringify(low)]]))
    end)
  end

  it("names every control and picture, and has one heading of the first rank", function()
    local b = open()
    b:wait("#failures", "ENOTFOUND")
    assert.equal("[]", b:run([[return JSON.stringify([...document.querySelectorAll("input, select, button, svg[role=img], a")]
      .filter((e) => !((e.labels && e.labels[0] && e.labels[0].textContent) || e.getAttribute("aria-label") || e.textContent.trim()))
      .map((e) => e.outerHTML))]]))
    assert.equal(1, b:run("return document.querySelectorAll('h1').length"))
    b:run("document.activeElement.blur()")
    b:type("\u{E004}")
    assert.equal("skip", b:run("return document.activeElement.className"))
  end)

  it("says so where there is nothing yet", function()
    local folder, remove = support.folder()
    local empty, stop_empty = page.serve(folder)
    finally(function() stop_empty() remove() end)
    opened = browsers.open()
    opened:go("http://" .. empty .. "/#token=" .. page.TOKEN)
    opened:wait("#figures", "Nothing has run yet")
    opened:wait("#tags", "No tags are known yet")
    opened:wait("#failures", "Nothing has failed lately")
    assert.is_nil(opened:text("#notice"))
  end)

  it("of a real tagua serve shows a tag that an event led to, why, and rules that were refused", function()
    local daemon = require("spec.support.daemon")
    local d = daemon.new():start()
    finally(function() d:close() end)
    assert.equal(200, (d:send({ { id = "1", user = "U1", type = "purchase", amount = 1 } })))
    assert.is_true((d:await_tags({ "U1 Buyer" })))
    d.place:write("rules.lua", "nonsense")
    d.process:signal("HUP")
    opened = browsers.open()
    opened:go(select(2, d.place:run("token page")):gsub("\n", ""))
    opened:wait("#serve", "those of before go on. rules.lua:1")
    opened:wait("#tags", "Buyer")
    opened:run("document.querySelector('[data-language=zh-TW]').click()")
    opened:wait("#serve", "仍照原來的規則執行")
    opened:focus("#question")
    opened:type("U1\u{E007}")
    opened:wait("#found", "U1")
    opened:click("#found button")
    opened:wait("#found", "purchases = 1")
  end)
end)
