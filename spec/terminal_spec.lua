local terminal = require("tagua.terminal")

describe("terminal", function()
  describe("visible", function()
    it("leaves text that people write alone", function()
      for _, text in ipairs({ "", "VIP", "王小明 & Søren 🎉", "a\u{0301}" }) do
        assert.equal(text, terminal.visible(text))
      end
    end)

    it("shows an escape sequence instead of obeying it", function()
      assert.equal("\\x1b[2Jgone\\x07", terminal.visible("\27[2Jgone\7"))
    end)

    it("keeps a name on one line", function()
      assert.equal("a\\nb\\r\\tc", terminal.visible("a\nb\r\tc"))
      assert.equal("a\\u{2028}b", terminal.visible("a\u{2028}b"))
    end)

    it("shows the eight-bit control sequence introducer", function()
      assert.equal("\\x9b31m", terminal.visible("\u{9b}31m"))
    end)

    it("shows marks that turn the direction of text", function()
      assert.equal("abc\\u{202e}fed", terminal.visible("abc\u{202e}fed"))
      assert.equal("\\u{2066}x", terminal.visible("\u{2066}x"))
    end)

    it("shows bytes that are not UTF-8", function()
      assert.equal("\\xff王\\xe7\\x8e", terminal.visible("\xff王\xe7\x8e"))
      assert.equal("\\xc0\\x80", terminal.visible("\xc0\x80"))
    end)
  end)

  describe("width", function()
    it("counts two columns for Chinese, one for Latin, none for combining marks", function()
      assert.equal(3, terminal.width("VIP"))
      assert.equal(6, terminal.width("王小明"))
      assert.equal(5, terminal.width("café\u{301}!"))
      assert.equal(4, terminal.width("ＡＢ"))
      assert.equal(2, terminal.width("🎉"))
    end)
  end)

  describe("clip", function()
    it("leaves what fits alone", function()
      assert.equal("王小明", terminal.clip("王小明", 6))
    end)

    it("cuts between characters and never exceeds the width", function()
      assert.equal("王小…", terminal.clip("王小明天", 6))
      assert.equal("abcd…", terminal.clip("abcdefgh", 5))
      for width = 1, 8 do
        assert.is_true(terminal.width(terminal.clip("王a小b明c", width)) <= width)
      end
    end)
  end)

  describe("columns", function()
    it("lines Chinese and Latin names up", function()
      assert.same({ "王小明  5", "Ann     12" },
        terminal.columns({ { "王小明", "5" }, { "Ann", "12" } }))
    end)

    it("puts numbers to the right, and cuts what is too wide", function()
      local rows = { { "a", "5" }, { "longer", "12" } }
      assert.same({ "a       5", "long…  12" },
        terminal.columns(rows, { [2] = "right" }, { [1] = 5 }))
    end)

    it("leaves no blanks at the end of a line", function()
      for _, line in ipairs(terminal.columns({ { "a", "" }, { "bbb", "c" } })) do
        assert.is_nil(line:find(" $"))
      end
    end)
  end)

  describe("number", function()
    it("groups thousands and keeps every digit of an integer", function()
      assert.equal("0", terminal.number(0))
      assert.equal("999", terminal.number(999))
      assert.equal("1,000", terminal.number(1000))
      assert.equal("-1,234,567", terminal.number(-1234567))
      assert.equal("9,223,372,036,854,775,807", terminal.number(math.maxinteger))
      assert.equal("-9,223,372,036,854,775,808", terminal.number(math.mininteger))
    end)

    it("shows one decimal of what is not whole", function()
      assert.equal("1,234.6", terminal.number(1234.56))
      assert.equal("-0.5", terminal.number(-0.5))
      assert.equal("12", terminal.number(12.0))
    end)

    it("counts with the noun", function()
      assert.equal("1 tag", terminal.count(1, "tag"))
      assert.equal("2,000 tags", terminal.count(2000, "tag"))
      assert.equal("0 replies", terminal.count(0, "reply", "replies"))
    end)
  end)

  describe("duration", function()
    it("speaks in the unit that people would use", function()
      local said = { [0] = "0 s", [0.44] = "0.4 s", [9.96] = "10 s", [59.4] = "59 s", [59.6] = "1 min",
        [185] = "3 min 5 s", [3600] = "1 h", [7830] = "2 h 11 min", [-1] = "0 s" }
      for seconds, text in pairs(said) do
        assert.equal(text, terminal.duration(seconds))
      end
    end)
  end)

  describe("colour", function()
    it("is wanted on a terminal, without NO_COLOR", function()
      local function env(values)
        return function(name) return values[name] end
      end
      assert.is_true(terminal.wants_colour(true, env({ TERM = "xterm" })))
      assert.is_true(terminal.wants_colour(true, env({ NO_COLOR = "" })))
      assert.is_false(terminal.wants_colour(true, env({ NO_COLOR = "1" })))
      assert.is_false(terminal.wants_colour(true, env({ TERM = "dumb" })))
      assert.is_false(terminal.wants_colour(false, env({})))
    end)

    it("changes nothing where it is not wanted", function()
      assert.equal("VIP", terminal.painter(false)("green", "VIP"))
      assert.equal("\27[32mVIP\27[0m", terminal.painter(true)("green", "VIP"))
    end)
  end)
end)
