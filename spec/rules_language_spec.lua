local rules = require("spec.support.rules")

-- One tag whose rule is the body of a function of `user`.
local function tag(body, fields)
  return ("fields { %s }\ntag \"T\" { when = function(user) %s end }"):format(fields or "", body)
end

describe("the rule language", function()
  describe("tag", function()
    it("puts the tag on where `when` returns true", function()
      assert.same({ T = true }, rules.want(tag("return user.orders >= 10", "orders = integer"), '"orders": 10'))
    end)

    it("takes it off where `when` returns false", function()
      assert.same({ T = false }, rules.want(tag("return user.orders >= 10", "orders = integer"), '"orders": 9'))
    end)

    it("leaves it alone where `when` returns leave", function()
      assert.same({ T = "leave" }, rules.want(tag("return leave"), ""))
    end)

    it("fails where `when` returns nothing: a forgotten return is no decision", function()
      local message = rules.failure(tag("local x = 1"), "")
      assert.equal("rules.lua:2: tag 'T' returned nothing: return true, false or leave (a forgotten return?)", message)
    end)

    it("fails where `when` returns something else", function()
      assert.matches("rules.lua:2: tag 'T' returned a number: return true, false or leave",
        rules.failure(tag("return 1"), ""), 1, true)
    end)

    it("carries its options into the ruleset", function()
      local ruleset = rules.load([[
        tag "VIP" { folder = "Value", id = "tag-1", never_remove = true, when = function() return true end }
      ]])
      local entry = ruleset.tags[1]
      assert.same({ "VIP", "Value", "tag-1", true }, { entry.name, entry.folder, entry.id, entry.never_remove })
      assert.same({ "VIP", 1 }, { entry.rule, entry.line })
      assert.same({ "Value" }, ruleset.folders)
    end)

    it("carries a time to start, to end and to last", function()
      local entry = rules.load([[
        tag "11.11" { when = function() return true end, starts = "2026-11-01", ends = "2026-11-14", lasts = "30d" }
      ]]).tags[1]
      assert.equal(1793462400, entry.starts)
      assert.equal(1794585600, entry.ends)
      assert.equal(30 * 86400, entry.lasts)
    end)

    it("refuses a length of time that is none", function()
      assert.matches("rules.lua:1: tag 'T': option 'lasts' must be a length of time", rules.rejection(
        'tag "T" { when = function() return true end, lasts = "soon" }'), 1, true)
    end)

    it("refuses an end before the start", function()
      assert.matches("tag 'T': it ends before it starts", rules.rejection(
        'tag "T" { when = function() return true end, starts = "2026-11-14", ends = "2026-11-01" }'), 1, true)
    end)

    it("may have any printable name", function()
      local wants = rules.want('tag "高價值 ★" { when = function() return true end }', "")
      assert.same({ ["高價值 ★"] = true }, wants)
    end)
  end)

  describe("one_of", function()
    local TIERS = [[
      fields { spend = number }
      one_of "Tier" {
        { "Gold",   function(user) return user.spend >= 50000 end },
        { "Silver", function(user) return user.spend >= 10000 end },
        { "Bronze", otherwise },
      }
    ]]

    it("gives the first member that matches, and takes the others off", function()
      assert.same({ Gold = false, Silver = true, Bronze = false }, rules.want(TIERS, '"spend": 20000'))
      assert.same({ Gold = true, Silver = false, Bronze = false }, rules.want(TIERS, '"spend": 70000'))
    end)

    it("gives the member with otherwise to those whom no other takes", function()
      assert.same({ Gold = false, Silver = false, Bronze = true }, rules.want(TIERS, '"spend": 1'))
    end)

    it("takes all members off where none matches", function()
      local source = 'one_of "G" { { "A", function() return false end }, { "B", function() return false end } }'
      assert.same({ A = false, B = false }, rules.want(source, ""))
    end)

    it("is unknown as a whole where a member before the first match can't be decided", function()
      assert.same({ Gold = "unknown", Silver = "unknown", Bronze = "unknown" }, rules.want(TIERS, '"spend": null'))
    end)

    it("does not ask the members behind the first match", function()
      local source = [[
        fields { city = text }
        one_of "G" { { "A", function() return true end }, { "B", function(user) return user.city == "x" end } }
      ]]
      assert.same({ A = true, B = false }, rules.want(source, '"city": null'))
    end)

    it("is left alone as a whole where a member returns leave", function()
      local source = 'one_of "G" { { "A", function() return leave end }, { "B", otherwise } }'
      assert.same({ A = "leave", B = "leave" }, rules.want(source, ""))
    end)

    it("fails as a whole where a member fails", function()
      local source = 'one_of "G" { { "A", function() error("no") end }, { "B", otherwise } }'
      assert.same({ A = "failed", B = "failed" }, rules.want(source, ""))
    end)

    it("shares its options with its members, who may have their own", function()
      local tags = rules.load([[
        one_of "G" { folder = "F", { "A", otherwise, id = "tag-a", folder = "Own" } }
        one_of "H" { never_remove = true, folder = "F", { "B", function() return true end }, { "C", otherwise } }
      ]]).tags
      assert.same({ "tag-a", "Own", "G" }, { tags[1].id, tags[1].folder, tags[1].group })
      assert.same({ true, "F", "H" }, { tags[3].never_remove, tags[3].folder, tags[3].rule })
    end)

    it("is listed as a group with the positions of its tags", function()
      local group = rules.load(TIERS).groups[1]
      assert.same({ "Tier", { 1, 2, 3 } }, { group.name, group.tags })
    end)

    it("refuses members behind otherwise: they could never win", function()
      assert.matches("rules.lua:1: one_of 'G': 'A' takes everybody (otherwise), so the members behind it",
        rules.rejection('one_of "G" { { "A", otherwise }, { "B", otherwise } }'), 1, true)
    end)

    it("refuses a member that is not { name, function }", function()
      assert.matches("one_of 'G': member 2 must be { \"Name\", function }, got 'B'",
        rules.rejection('one_of "G" { { "A", function() return true end }, "B" }'), 1, true)
      assert.matches("one_of 'G': member 'A' wants a function or otherwise, got true",
        rules.rejection('one_of "G" { { "A", true } }'), 1, true)
    end)

    it("refuses to be empty", function()
      assert.matches("one_of 'G' has no members", rules.rejection('one_of "G" { }'), 1, true)
    end)
  end)

  describe("rule", function()
    local function rule(body, owns)
      return ('fields { city = text }\nrule "R" { owns = { %s }, decide = function(user) %s end }'):format(
        owns or '"North", "South"', body)
    end

    it("decides every tag that it owns", function()
      local source = rule('return { North = user.city == "台北", South = leave }')
      assert.same({ North = true, South = "leave" }, rules.want(source, '"city": "台北"'))
    end)

    it("fails where it says nothing of a tag that it owns, and names it", function()
      assert.equal("rules.lua:2: rule 'R' returned no decision for 'South': give it true, false or leave",
        rules.failure(rule("return { North = true }"), ""))
    end)

    it("fails where it decides a tag that it does not own, and names it", function()
      assert.equal("rules.lua:2: rule 'R' returned a decision for 'West', which it does not own",
        rules.failure(rule("return { North = true, South = true, West = true }"), ""))
    end)

    it("fails where a decision is no boolean", function()
      assert.equal("rules.lua:2: rule 'R' returned a string for 'South': give it true, false or leave",
        rules.failure(rule('return { North = true, South = "yes" }'), ""))
    end)

    it("fails where it returns nothing, or no table", function()
      assert.matches("rule 'R' returned nothing: return a table with a decision for each of its tags",
        rules.failure(rule(""), ""), 1, true)
      assert.matches("rule 'R' returned a boolean: return a table", rules.failure(rule("return true"), ""), 1, true)
    end)

    it("is unknown for all its tags where it read a field without value", function()
      local source = rule('return { North = user.city == "台北", South = true }')
      assert.same({ North = "unknown", South = "unknown" }, rules.want(source, '"city": null'))
    end)

    it("shares its options with its tags, who may have their own", function()
      local tags = rules.load(rule("return {}", '"A", { "B", id = "tag-b" }'):gsub("owns", 'folder = "F", owns')).tags
      assert.same({ "F", "F", "tag-b" }, { tags[1].folder, tags[2].folder, tags[2].id })
    end)

    it("refuses to own nothing", function()
      assert.matches("rule 'R': owns must be a list of names", rules.rejection(rule("return {}", "")), 1, true)
    end)
  end)

  describe("names", function()
    it("gives a tag one owner", function()
      assert.equal("rules.lua:2: the tag 'A' has two owners: tag 'A' in line 1 and this rule 'R'", rules.rejection([[
tag "A" { when = function() return true end }
rule "R" { owns = { "A" }, decide = function() return { A = true } end }]]))
    end)

    it("refuses a name for a one_of and a tag", function()
      assert.matches("rules.lua:2: the name 'G' is a one_of and a tag (line 1)", rules.rejection([[
tag "G" { when = function() return true end }
one_of "G" { { "A", otherwise } }]]), 1, true)
    end)

    it("refuses two groups of one name", function()
      assert.matches("rules.lua:2: the name 'G' is taken by the one_of in line 1", rules.rejection([[
one_of "G" { { "A", otherwise } }
one_of "G" { { "B", otherwise } }]]), 1, true)
    end)

    it("refuses names that are empty, broken or no text", function()
      assert.matches("tag wants a name that is not empty", rules.rejection('tag "" { }'), 1, true)
      assert.matches("tag wants a name in quotes, got 3", rules.rejection("tag(3) { }"), 1, true)
      assert.matches("tag wants a name of printable UTF-8", rules.rejection('tag "a\\nb" { }'), 1, true)
      assert.matches("tag wants a name of printable UTF-8", rules.rejection('tag "\\xff" { }'), 1, true)
    end)
  end)

  describe("several rules", function()
    it("go on where one of them fails", function()
      local wants, block = rules.want([[
        tag "A" { when = function() error("broken") end }
        tag "B" { when = function() return true end }
      ]], "")
      assert.same({ A = "failed", B = true }, wants)
      assert.equal(1, block.failed)
    end)

    it("are unknown one by one", function()
      assert.same({ A = "unknown", B = true }, rules.want([[
        fields { city = text, orders = integer }
        tag "A" { when = function(user) return user.city == "x" end }
        tag "B" { when = function(user) return user.orders > 0 end }
      ]], '"city": "", "orders": 3'))
    end)

    it("may share helpers, local or global", function()
      assert.same({ A = true, B = true }, rules.want([[
        fields { orders = integer }
        local function many(user) return user.orders > 5 end
        function very_many(user) return user.orders > 50 end
        tag "A" { when = many }
        tag "B" { when = function(user) return not very_many(user) end }
      ]], '"orders": 6'))
    end)
  end)

  describe("a description", function()
    it("holds zone, fields in order of name, and a hash of the file", function()
      local ruleset = rules.load(tag("return true", 'b = integer { if_empty = 0 }, a = text { from = "姓名" }'))
      assert.equal("Asia/Taipei", ruleset.zone)
      assert.same({ "a", "姓名", "text" }, { ruleset.fields[1].name, ruleset.fields[1].source, ruleset.fields[1].type })
      assert.same({ "b", "b", 0 }, { ruleset.fields[2].name, ruleset.fields[2].source, ruleset.fields[2].if_empty })
      assert.equal(64, #ruleset.hash)
      assert.is_false(ruleset.reads_tags)
    end)

    it("changes its hash with the file", function()
      assert.not_equal(rules.load(tag("return true")).hash, rules.load(tag("return false")).hash)
    end)
  end)

  describe("a tagset", function()
    local SOURCE = tag('return not user.tags["Blocked"]', "tags = tagset")

    it("is what the platform has on the user, by name", function()
      assert.same({ T = false }, rules.want(SOURCE, "", { tagsets = { U1 = { "VIP", "Blocked" } } }))
      assert.same({ T = true }, rules.want(SOURCE, "", { tagsets = { U1 = { "VIP" } } }))
      assert.same({ T = true }, rules.want(SOURCE, "", { tagsets = { U1 = {} } }))
    end)

    it("is true or false for each name", function()
      local source = tag('return user.tags["VIP"]', "tags = tagset")
      assert.same({ T = false }, rules.want(source, "", { tagsets = { U1 = {} } }))
    end)

    it("is unknown for a user of whom nothing was sent", function()
      assert.same({ T = "unknown" }, rules.want(SOURCE, "", { tagsets = { U2 = {} } }))
      assert.same({ T = "unknown" }, rules.want(SOURCE, ""))
    end)

    it("makes the ruleset say that it reads tags", function()
      assert.is_true(rules.load(SOURCE).reads_tags)
    end)

    it("cannot be written to or walked", function()
      assert.matches("a record cannot be written to", rules.failure(
        tag('user.tags["VIP"] = true return true', "tags = tagset"), "", { tagsets = { U1 = {} } }), 1, true)
      assert.matches("cannot be walked", rules.failure(
        tag("for _ in pairs(user.tags) do end return true", "tags = tagset"), "", { tagsets = { U1 = {} } }), 1, true)
    end)

    it("is declared once", function()
      assert.matches("'a' and 'b' are both tagset", rules.rejection(tag("return true", "a = tagset, b = tagset")), 1,
        true)
    end)
  end)

  describe("guards { }", function()
    it("gives the ruleset's bounds", function()
      local ruleset = assert(rules.load("guards { max_operations = 5000, growth = false }\n" .. tag("return true")))
      assert.equal(5000, ruleset.guards.max_operations)
      assert.is_false(ruleset.guards.growth)
    end)

    it("knows its options and is written once", function()
      assert.matches("rules.lua:1: guards: unknown option 'max_operation' (did you mean 'max_operations'?)",
        rules.rejection("guards { max_operation = 1 }\n" .. tag("return true")), 1, true)
      assert.matches("rules.lua:2: guards { } is written twice",
        rules.rejection("guards { growth = 3 }\nguards { growth = 3 }\n" .. tag("return true")), 1, true)
    end)
  end)

  describe("renew", function()
    it("wants a time that it may begin anew", function()
      local source = 'tag "T" { when = function() return true end, renew = true%s }'
      assert.matches("renew begins its time anew, and it has none", rules.rejection(source:format("")), 1, true)
      local one = assert(rules.load(source:format(', lasts = "30d"'))).tags[1]
      assert.is_true(one.renew)
      assert.equal(30 * 86400, one.lasts)
    end)
  end)
end)
