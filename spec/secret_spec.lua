local core = require("tagua.core")
local support = require("spec.support")

local secret = core.secret

--- A secret of a known value, through the only door that a spec can open: a file.
local function known(value)
  local folder, remove = support.folder()
  local path = support.write(folder .. "/token", value)
  os.execute("chmod 600 '" .. path .. "'")
  local made, message, code = secret.file(path)
  remove()
  return made, message, code
end

describe("a secret", function()
  it("comes from the environment, and says so", function()
    local made = assert(secret.env("HOME"))
    assert.equal("environment variable HOME", made:source())
    assert.equal("secret (environment variable HOME)", tostring(made))
  end)

  it("names the variable that is not set", function()
    local made, message, code = secret.env("TAGUA_SPEC_NOT_SET")
    assert.is_nil(made)
    assert.matches("'TAGUA_SPEC_NOT_SET' is not set", message, 1, true)
    assert.equal("ECONFIG", code)
  end)

  it("comes from a file without its last line break", function()
    local made = assert(known("abcd\n"))
    -- echo -n abcd | sha256sum
    assert.equal("88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589", made:sha256())
  end)

  it("is not taken from a file that others can read", function()
    local folder, remove = support.folder()
    finally(remove)
    local path = support.write(folder .. "/token", "abcd1234")
    for _, mode in ipairs { "640", "604", "660" } do
      os.execute("chmod " .. mode .. " '" .. path .. "'")
      local made, message, code = secret.file(path)
      assert.is_nil(made)
      assert.matches("chmod 600", message, 1, true)
      assert.matches(mode, message, 1, true)
      assert.equal("ECONFIG", code)
    end
    os.execute("chmod 400 '" .. path .. "'")
    assert.truthy(secret.file(path))
  end)

  it("is not taken from a folder, a named pipe or a device", function()
    local folder, remove = support.folder()
    finally(remove)
    os.execute("mkfifo -m 600 '" .. folder .. "/pipe'")
    for _, path in ipairs { folder, folder .. "/pipe", "/dev/zero" } do
      local made, message = secret.file(path)
      assert.is_nil(made)
      assert.matches("not a regular file", message, 1, true)
    end
  end)

  it("is at most 64 KiB", function()
    assert.truthy(known(("x"):rep(65536) .. "\n"))
    local made, message = known(("x"):rep(65540))
    assert.is_nil(made)
    assert.matches("64 KiB", message, 1, true)
  end)

  it("is one line: what follows a line break would be a header of its own", function()
    for _, value in ipairs { "abcd\nefgh", "abcd\r\nX-Injected: 1", "abcd\n\n" } do
      local made, message, code = known(value)
      assert.is_nil(made)
      assert.matches("more than one line", message, 1, true)
      assert.not_matches("abcd", message, 1, true)
      assert.equal("ECONFIG", code)
    end
    assert.is_nil(known("ab\0cd"))
  end)

  it("is no secret when it is nearly nothing", function()
    for _, value in ipairs { "", "\n", "abc\n" } do
      local made, message = known(value)
      assert.is_nil(made)
      assert.matches("4 are the least", message, 1, true)
    end
  end)

  it("comes from what a command prints", function()
    local made = assert(secret.command("printf 'ab'; echo cd"))
    assert.equal("command printf 'ab'; echo cd", made:source())
    assert.equal("88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589", made:sha256())
  end)

  it("is refused with the exit code of a command that fails", function()
    local made, message, code = secret.command("echo abcdefgh; exit 3")
    assert.is_nil(made)
    assert.matches("exit code 3", message, 1, true)
    assert.not_matches("'abcdefgh'", message, 1, true)
    assert.equal("ECONFIG", code)
  end)

  it("is not read for ever from a command that prints for ever", function()
    local made, message = secret.command("cat /dev/zero")
    assert.is_nil(made)
    assert.matches("64 KiB", message, 1, true)
  end)

  it("is random when asked, and never the same", function()
    local one, two = assert(secret.random()), assert(secret.random())
    assert.not_equal(one:sha256(), two:sha256())
  end)

  it("can't be read from Lua", function()
    local made = assert(known("hunter2hunter2"))
    assert.is_nil(made.value)
    assert.is_false(getmetatable(made))
    assert.has_error(function() return made .. "" end)
    assert.has_error(function() return #made end)
    assert.not_matches("hunter", tostring(made), 1, true)
    assert.not_matches("hunter", made:source(), 1, true)
  end)

  it("is printed by the one call that is made for it", function()
    local code, out = support.shell(support.lua .. " -e '"
      .. [[local s = assert(require("tagua.core").secret.command("echo printed-once")); assert(s:print())]] .. "'")
    assert.equal(0, code)
    assert.equal("printed-once\n", out)
  end)

  it("signs", function()
    -- RFC 4231, test case 2
    assert.equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      assert(known("Jefe")):hmac_sha256("what do ya want for nothing?"))
    assert.is_true(secret.equal("abc", "abc"))
    assert.is_false(secret.equal("abc", "abd"))
    assert.is_false(secret.equal("abc", "abcd"))
  end)

  it("is closed once, and says so afterwards", function()
    local made = assert(known("closed-secret"))
    made:close()
    made:close()
    assert.equal("secret (closed)", tostring(made))
    assert.has_error(function() made:sha256() end, "this secret is closed")
  end)
end)

describe("redaction", function()
  it("replaces every live secret, wherever it stands", function()
    local one, two = assert(known("s3cret-one")), assert(known("s3cret-two"))
    assert.equal("[secret]", secret.redact("s3cret-one"))
    assert.equal("a [secret] b [secret] c [secret]",
      secret.redact("a s3cret-one b s3cret-two c s3cret-one"))
    assert.equal("s3cret-on, s3cret", secret.redact("s3cret-on, s3cret"))
    one:close()
    assert.equal("s3cret-one [secret]", secret.redact("s3cret-one s3cret-two"))
    two:close()
  end)

  it("sees a secret that was written with escapes", function()
    local one = assert(known([[a/b+c="d\e]]))
    finally(function() one:close() end)
    for _, written in ipairs { [[a/b+c="d\e]], [[a\/b+c=\"d\\e]], [[a%2Fb%2bc=%22d%5Ce]],
      [[\u0061/b\u002Bc=\u0022d\u005ce]] } do
      assert.equal("<[secret]>", secret.redact("<" .. written .. ">"))
    end
  end)

  it("takes the longest where one secret begins another", function()
    local short, long = assert(known("abcd")), assert(known("abcdefgh"))
    finally(function()
      short:close()
      long:close()
    end)
    assert.equal("[secret]", secret.redact("abcdefgh"))
    assert.equal("[secret]efg", secret.redact("abcdefg"))
  end)

  it("leaves a text without secrets as it is, byte for byte", function()
    local made = assert(known("s3cret"))
    finally(function() made:close() end)
    for _, text in ipairs { "", "\0\1\255", "標籤", ("s3cre"):rep(1000) } do
      assert.equal(text, secret.redact(text))
    end
  end)
end)
