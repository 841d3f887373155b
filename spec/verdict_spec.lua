local core = require("tagua.core")

local of = core.verdict.of

--- One row of the table: what comes in, what comes out for a request that may not be repeated,
-- and for one that may.
local function row(sentence, input, once, once_code, again, again_code)
  it(sentence, function()
    input.repeatable = false
    assert.same({ once, once_code }, { of(input) })
    input.repeatable = true
    assert.same({ again or once, again and again_code or once_code }, { of(input) })
  end)
end

describe("the verdict on a request that got no answer", function()
  row("is to try again when no byte left", { transport = "unreached" }, "retry", "ENETWORK")
  row("is to stop when the peer's certificate was refused", { transport = "untrusted" }, "stop", "ETLS")
  row("is to settle when it was lost on the way", { transport = "lost" },
    "settle", "EAMBIGUOUS", "retry", "ENETWORK")
  row("is to settle when time ran out", { transport = "timed out" },
    "settle", "EAMBIGUOUS", "retry", "ETIMEOUT")
  row("is to settle when the answer was too large", { transport = "too large", status = 200 },
    "settle", "EAMBIGUOUS", "retry", "ETOOBIG")
  row("is failure when it could not be carried at all", { transport = "refused" }, "fail", "EIO")
end)

describe("the verdict on a status", function()
  for _, status in ipairs { 200, 201, 204, 299 } do
    row(status .. " is done where there is no envelope", { status = status }, "done")
  end
  for _, status in ipairs { 301, 302, 303, 304, 307, 308 } do
    row(status .. " stops: redirects are not followed", { status = status }, "stop", "ECONFIG")
  end
  row("401 stops all", { status = 401 }, "stop", "EAUTH")
  row("403 stops all", { status = 403 }, "stop", "EPERMISSION")
  row("404 fails this one", { status = 404 }, "fail", "ENOTFOUND")
  for _, status in ipairs { 400, 402, 405, 408, 409, 410, 413, 422, 451, 499 } do
    row(status .. " fails this one", { status = status }, "fail", "EPLATFORM")
  end
  row("429 pauses", { status = 429 }, "pause", "ERATE")
  for _, status in ipairs { 500, 502, 503, 504, 599 } do
    row(status .. " leaves the effect unknown", { status = status },
      "settle", "EAMBIGUOUS", "retry", "EPLATFORM")
  end
  for _, status in ipairs { 0, 100, 199, 600, 999, -1 } do
    row(status .. ", which nobody knows, is a failure", { status = status }, "fail", "EPROTOCOL")
  end
end)

describe("the verdict on a 200", function()
  row("with success inside is done", { status = 200, envelope = "success" }, "done")
  row("with broken JSON leaves the effect unknown", { status = 200, envelope = "broken" },
    "settle", "EAMBIGUOUS", "retry", "EPROTOCOL")
  row("with an error without a code inside fails", { status = 200, envelope = "error" },
    "fail", "EPLATFORM")
  row("with a code that no row knows fails",
    { status = 200, envelope = "error", platform_code = 31337 }, "fail", "EPLATFORM")
  for _, code in ipairs { 500, 503, 599 } do
    row("with " .. code .. " inside is as that status",
      { status = 200, envelope = "error", platform_code = code },
      "settle", "EAMBIGUOUS", "retry", "EPLATFORM")
  end
  for _, code in ipairs { -500, 0, 499, 600 } do
    row("with " .. code .. " inside is no such status",
      { status = 200, envelope = "error", platform_code = code }, "fail", "EPLATFORM")
  end
end)

describe("the verdict on a platform's code", function()
  local codes = { [1004] = "refresh", [37011] = "fail:ENOTFOUND", [5001] = "stop:ECONFIG",
    [500] = "stop", [9] = "retry", [10] = "pause", [11] = "settle", [12] = "done", [-3] = "fail" }

  local function coded(sentence, code, status, ...)
    row(sentence, { status = status, envelope = "error", platform_code = code, codes = codes }, ...)
  end

  coded("is the row's", 37011, 200, "fail", "ENOTFOUND")
  coded("may stop all", 5001, 200, "stop", "ECONFIG")
  coded("may ask for new credentials", 1004, 401, "refresh", "EAUTH")
  coded("may try again whatever may be repeated, for the platform said so", 9, 200, "retry", "EPLATFORM")
  coded("may pause", 10, 200, "pause", "ERATE")
  coded("may settle", 11, 200, "settle", "EAMBIGUOUS")
  coded("may be what was wanted all along", 12, 200, "done")
  coded("may be negative", -3, 200, "fail", "EPLATFORM")
  coded("says more than 403", 37011, 403, "fail", "ENOTFOUND")
  coded("says more than 404", 5001, 404, "stop", "ECONFIG")
  coded("says more than 500", 37011, 500, "fail", "ENOTFOUND")
  coded("says more than the number's likeness to a status", 500, 200, "stop", "EPLATFORM")
  coded("does not say more than 429", 37011, 429, "pause", "ERATE")
  coded("that no row knows, in a 403, fails that request alone", 4, 403, "fail", "EPERMISSION")

  row("does not turn a success into something else",
    { status = 200, envelope = "success", platform_code = 5001, codes = codes }, "done")
end)

describe("a table of codes", function()
  it("takes no word that is no verdict", function()
    for _, word in ipairs { "", "ok", "Fail", "fail:", "fail:enotfound", "done:EAUTH", "fail:E NO",
      "stop:EVERYTHINGISBROKEN" } do
      local ok, message = pcall(of, { status = 200, codes = { [1] = word } })
      assert.is_false(ok)
      assert.matches("'" .. word .. "' is no verdict", message, 1, true)
    end
  end)

  it("takes no code that is no whole number", function()
    assert.has_error(function() of { codes = { ["1004"] = "fail" } } end,
      "option 'codes' maps platform codes (whole numbers) to verdicts (strings)")
    assert.has_error(function() of { codes = { [1.5] = "fail" } } end)
    assert.has_error(function() of { codes = { [1] = 2 } } end)
    assert.has_error(function() of { codes = "fail" } end)
  end)
end)
