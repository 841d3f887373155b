local core = require("tagua.core")

describe("jwt", function()
  local KEY = ("k"):rep(32)
  local CLAIMS = { subject = "lNbWoobyg", serial = 3, issued = 1583983892, expires = 1586575892 }

  -- Header and claims as somebody else would write them, in base64url.
  local function base64url(text)
    local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return (text:gsub("..?.?", function(bytes)
      local a, b, c = bytes:byte(1, 3)
      local bits = a << 16 | (b or 0) << 8 | (c or 0)
      local out = {}
      for i = 1, #bytes + 1 do
        local at = (bits >> (24 - 6 * i) & 63) + 1
        out[i] = alphabet:sub(at, at)
      end
      return table.concat(out)
    end))
  end

  it("signs claims that it verifies again", function()
    local token = assert(core.jwt.sign(KEY, CLAIMS))
    assert.matches("^[%w_-]+%.[%w_-]+%.[%w_-]+$", token)
    assert.same(CLAIMS, core.jwt.verify(KEY, token))
  end)

  it("accepts what another implementation signed", function()
    -- made with openssl dgst -sha256 -hmac
    local head, claims = base64url('{"alg":"HS256","typ":"JWT"}'),
      base64url('{"sub":"a","serial":1,"iat":2,"exp":3}')
    local digest = io.popen(("printf %%s '%s.%s' | openssl dgst -sha256 -hmac %s -binary | od -An -tx1"):format(head,
      claims, KEY)):read("a")
    local signature = base64url((digest:gsub("%s", ""):gsub("%x%x", function(pair)
      return string.char(tonumber(pair, 16))
    end)))
    assert.same({ subject = "a", serial = 1, issued = 2, expires = 3 },
      core.jwt.verify(KEY, head .. "." .. claims .. "." .. signature))
  end)

  it("refuses another key, a changed claim, and what is no token", function()
    local token = assert(core.jwt.sign(KEY, CLAIMS))
    local head, claims, signature = token:match("^(.-)%.(.-)%.(.*)$")
    local forged = base64url('{"sub":"other","serial":3,"iat":1,"exp":9999999999}')
    for _, bad in ipairs { "", ".", "..", "a.b.c", token .. "x", head .. "." .. claims, head .. "." .. claims .. ".",
      head .. "." .. forged .. "." .. signature, ("x"):rep(5000) } do
      local none, message, code = core.jwt.verify(KEY, bad)
      assert.is_nil(none)
      assert.matches("not one that was signed here", message)
      assert.equal("EAUTH", code)
    end
    assert.is_nil((core.jwt.verify(("x"):rep(32), token)))
  end)

  it("refuses a token without a signature, whatever its header says", function()
    local claims = base64url('{"sub":"a","serial":1,"iat":2,"exp":3}')
    assert.is_nil((core.jwt.verify(KEY, base64url('{"alg":"none","typ":"JWT"}') .. "." .. claims .. ".")))
    assert.is_nil((core.jwt.verify(KEY, base64url('{"alg":"none"}') .. "." .. claims)))
  end)

  it("refuses a signed token that lacks a claim, and keys that are too short", function()
    local token = assert(core.jwt.sign(KEY, { subject = "a", serial = 1, issued = 1, expires = -1 }))
    assert.is_nil((core.jwt.verify(KEY, token)))
    assert.has_error(function() core.jwt.sign("short", CLAIMS) end)
    assert.is_nil((core.jwt.verify("short", token)))
  end)
end)
