local core = require("tagua.core")
local secrets = require("tagua.secrets")
local support = require("spec.support")

describe("a reference to a secret", function()
  it("says where the secret is, and holds nothing of it", function()
    assert.equal("environment variable PATH", tostring(secrets.env("PATH")))
    assert.equal("file /etc/token", tostring(secrets.file("/etc/token")))
    assert.equal("command pass show shop", tostring(secrets.command("pass show shop")))
    local path = os.getenv("PATH")
    for _, value in pairs(secrets.env("PATH")) do
      assert.not_equal(path, value)
    end
  end)

  it("takes ~/ for the home folder", function()
    assert.equal("file " .. os.getenv("HOME") .. "/token", tostring(secrets.file("~/token")))
  end)

  it("is opened when it is asked for, and not before", function()
    local folder, remove = support.folder()
    finally(remove)
    local reference = secrets.file(folder .. "/token")
    local secret, message, code = secrets.open(reference)
    assert.is_nil(secret)
    assert.matches(folder .. "/token", message, 1, true)
    assert.equal("ECONFIG", code)
    support.write(folder .. "/token", "the-token\n")
    assert(os.execute("chmod 600 '" .. folder .. "/token'"))
    secret = assert(secrets.open(reference))
    assert.equal("file " .. folder .. "/token", secret:source())
    secret:close()
  end)

  it("is told from anything else", function()
    assert.is_true(secrets.is(secrets.env("X")))
    local secret = core.secret.random()
    assert.is_true(secrets.is(secret))
    assert.equal(secret, secrets.open(secret))
    secret:close()
    for _, value in ipairs({ "text", 7, true, {}, io.stdout, { source = "me" } }) do
      assert.is_false(secrets.is(value))
    end
  end)

  it("is refused without a name, at the caller's line", function()
    for _, make in ipairs({ secrets.env, secrets.file, secrets.command }) do
      for _, wrong in ipairs({ "", 7, {} }) do
        local ok, message = pcall(function() local _ = make(wrong) end)
        assert.is_false(ok)
        assert.matches("secrets_spec.lua:%d+: ", message)
      end
    end
  end)
end)
