-- The rule file's own hooks find their connection and their secret, or say what is missing.
local named = require("tagua.serve.named")

describe("the hooks of a rule file", function()
  local HOOK = { to = "shop", verify = { secret = "crm", header = "x-sign", algorithm = "sha256" } }

  it("are given with their connection and their secret", function()
    assert.same({ crm_orders = { connection = "shop", secret = "S", header = "x-sign", algorithm = "sha256" } },
      named.resolve({ crm_orders = HOOK }, { "other", "shop" }, { crm = "S" }))
    assert.same({}, named.resolve(nil, { "shop" }, {}))
  end)

  it("say which secret connections.lua lacks, with the nearest that it has", function()
    local found, message, code = named.resolve({ crm_orders = HOOK }, { "shop" }, { crn = "S" })
    assert.is_nil(found)
    assert.equal("the hook 'crm_orders' goes by the secret 'crm' (did you mean 'crn'?), which connections.lua does not have:"
      .. " add it to serve { secrets = { crm = env \"NAME\" } }", message)
    assert.equal("ECONFIG", code)
  end)

  it("say that their connection is not served", function()
    local _, message = named.resolve({ crm_orders = HOOK }, { "shop-line" }, { crm = "S" })
    assert.matches("is for the connection 'shop'", message, 1, true)
    assert.matches("name it with --to", message, 1, true)
  end)

  it("are for the only connection that is served, or must say for which", function()
    local hook = { verify = HOOK.verify }
    assert.equal("shop", named.resolve({ orders = hook }, { "shop" }, { crm = "S" }).orders.connection)
    local _, message, code = named.resolve({ orders = hook }, { "shop", "other" }, { crm = "S" })
    assert.equal("the hook 'orders' does not say which connection it is for, and 2 are served: add to = \"shop\"", message)
    assert.equal("ECONFIG", code)
  end)
end)
