local nearest = require("tagua.nearest")

describe("the nearest name", function()
  it("counts a missing, a superfluous, a wrong and an exchanged letter as one edit each", function()
    assert.equal(1, nearest.distance("spend", "spnd"))
    assert.equal(1, nearest.distance("spend", "speend"))
    assert.equal(1, nearest.distance("spend", "spent"))
    assert.equal(1, nearest.distance("spend", "spedn"))
    assert.equal(0, nearest.distance("spend", "spend"))
    assert.equal(5, nearest.distance("", "spend"))
  end)

  it("counts characters, not bytes", function()
    assert.equal(1, nearest.distance("金卡會員", "金卡会員"))
    assert.equal(1, nearest.distance("高雄", "高"))
  end)

  it("does not mind the case", function()
    assert.equal("VIP", nearest.find("vip", { "Dormant", "VIP" }))
  end)

  it("takes a list of names or a map with names as keys", function()
    assert.equal("timeout", nearest.find("timout", { "token", "timeout" }))
    assert.equal("timeout", nearest.find("timout", { token = 1, timeout = 2 }))
  end)

  it("finds nothing where nothing is near", function()
    assert.is_nil(nearest.find("colour", { "token", "timeout", "rate" }))
    assert.is_nil(nearest.find("x", { "y" }))
    assert.is_nil(nearest.find("x", {}))
  end)

  it("finds the first of two equally near names, so that a message is the same every time", function()
    assert.equal("rate", nearest.find("rat", { rate = 1, rats = 1 }))
  end)

  it("compares names that are not UTF-8 by their bytes", function()
    assert.equal(1, nearest.distance("\xff\xfea", "\xff\xfeb"))
  end)

  it("is quick with a very long name", function()
    assert.is_nil(nearest.find(("x"):rep(1e6), { "token" }))
  end)

  it("words a hint, or says nothing", function()
    assert.equal(" (did you mean 'rate'?)", nearest.hint("rte", { "rate" }))
    assert.equal("", nearest.hint("colour", { "rate" }))
  end)
end)
