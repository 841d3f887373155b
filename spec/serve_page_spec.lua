-- The page of a real `tagua serve`, and what it tells of an operation that came over the socket.
local page = require("tagua.serve.page")
local serving = require("spec.support.serving")
local support = require("spec.support")

describe("tagua serve", function()
  local folder, remove, serve

  setup(function()
    folder, remove = support.folder()
    support.write(folder .. "/rules.lua", 'fields { n = count("login") }\n'
      .. 'tag "Comes often" { when = function(user) return user.n >= 2 end }\n')
    support.write(folder .. "/connections.lua", 'connection "shop" { platform = "local" }\n'
      .. 'serve { listen = "127.0.0.1:0", admin = "127.0.0.1:0" }\n')
    serve = serving.start(folder)
  end)
  teardown(function()
    serve.stop()
    remove()
  end)

  local function ask(path, token) return serving.ask(serve.admin, { path = path, token = token }) end
  local function post(path, body) return serving.ask(serve.socket, { path = path, body = body }) end

  it("shows the page to anybody, and what is on it to those with the token", function()
    local answer = ask("/")
    assert.equal(200, answer.status)
    assert.matches("^<!doctype html>", answer.body)
    assert.matches("script-src 'sha256-", answer.headers["content-security-policy"], 1, true)
    for route in pairs(page.open({ ledger = folder .. "/tagua.db" }).routes) do
      local path = route:match("^GET (.*)$")
      assert.equal(path == "/" and 200 or 401, ask(path).status, path)
    end
    assert.equal("shop", ask("/api/overview", serve.token).json.connections[1].name)
  end)

  it("does what it has answered after it was killed, too", function()
    assert.equal(202, post("/v1/ensure", '{"user":"U9","tag":"Kept"}').status)
    serve.kill()
    serve = serving.start(folder)
    serving.wait_for("Kept", function()
      local found = serving.ask(serve.socket, { path = "/v1/users/U9/tags" }).json
      return found and found.tags[1] == "Kept"
    end)
  end)

  it("does what a program on the host asks for over the socket, once, and tells of it on the page", function()
    for _ = 1, 20 do
      assert.equal(202, post("/v1/ensure", '{"user":"U1","tag":"Member"}').status)
    end
    post("/v1/tag", '[{"user":"U2","tag":"Gift","id":"order-7"},{"user":"U2","tag":"Gift","id":"order-7"}]')
    assert.equal(202, post("/v1/events", '{"user":"U3","type":"login"}\n{"user":"U3","type":"login"}\n').status)
    local connection = ask("/api/overview", serve.token).json.connections[1].number
    local function tags_of(user)
      local answer = ask(("/api/user?connection=%d&id=%s"):format(connection, user), serve.token).json
      return answer.tags and answer.tags[1] and answer
    end
    local member = serving.wait_for("Member", function() return tags_of("U1") end)
    assert.same({ "Member", "tagua" }, { member.tags[1].name, member.tags[1].owner })
    assert.same({ "tag", "done" }, { member.tags[1].why.action, member.tags[1].why.outcome })
    serving.wait_for("Gift", function() return tags_of("U2") end)
    local often = serving.wait_for("Comes often", function() return tags_of("U3") end)
    assert.same({ "Comes often", "Comes often", "rules.lua" },
      { often.tags[1].name, often.tags[1].why.rule, often.tags[1].why.file })
    assert.same({ n = 2 }, often.tags[1].why.fields)
    for _, user in ipairs({ "U1", "U2", "U3" }) do
      local done = 0
      for _, operation in ipairs(tags_of(user).history) do
        done = done + (operation.outcome == "done" and 1 or 0) -- one that came meanwhile was left out
      end
      assert.equal(1, done, user)
    end
    assert.same({ connection = "shop", user = "U1", tags = { "Member" } },
      serving.ask(serve.socket, { path = "/v1/users/U1/tags" }).json)
  end)
end)
