local support = require("spec.support")

local function run(arguments)
  return support.shell(support.tagua .. " " .. arguments)
end

describe("the command", function()
  it("says its version in one line", function()
    local code, out, err = run("version")
    assert.equal(0, code)
    assert.equal("tagua " .. require("tagua.version") .. "\n", out)
    assert.equal("", err)
    assert.equal(out, select(2, run("--version")))
  end)

  it("says its version as JSON", function()
    local code, out = run("version --json")
    assert.equal(0, code)
    assert.equal(require("tagua.version"), require("cjson").decode(out).version)
  end)

  it("shows help, with every command, and succeeds", function()
    local code, out, err = run("--help")
    assert.equal(0, code)
    assert.equal("", err)
    for _, command in ipairs(require("tagua.command").root.commands) do
      assert.matches("\n   " .. command.name .. " ", out, 1, true)
    end
  end)

  it("shows help on standard error when nothing was asked for", function()
    local code, out, err = run("")
    assert.equal(2, code)
    assert.equal("", out)
    assert.matches("Usage: tagua", err, 1, true)
  end)

  it("has help with an example for every command", function()
    local function each(definition, path)
      for _, child in ipairs(definition.commands or {}) do
        local here = path .. child.name .. " "
        local code, out = run(here .. "--help")
        assert.equal(0, code, here)
        assert.matches("Usage: tagua " .. here:sub(1, -2), out, 1, true)
        assert.matches("\n   tagua " .. here:sub(1, -2), out, 1, true)
        each(child, here)
      end
    end
    each(require("tagua.command").root, "")
  end)

  it("has examples that it takes itself", function()
    local parser, root = require("tagua.command.parser"), require("tagua.command").root
    -- The words after the program's name, up to what is the shell's.
    local function words(line)
      local found = {}
      line = line:gsub("%s*[>|<&].*$", ""):gsub('"([^"]*)"', function(quoted) return (quoted:gsub(" ", "\1")) end)
      for word in line:match("^tagua(.*)"):gmatch("%S+") do
        found[#found + 1] = (word:gsub("\1", " "))
      end
      return found
    end
    local function each(definition)
      for _, example in ipairs(definition.examples or {}) do
        if example:find("^tagua ") then
          local taken, message = parser.parse(root, words(example))
          assert.is_truthy(taken, example .. ": " .. tostring(message))
        end
      end
      for _, child in ipairs(definition.commands or {}) do
        each(child)
      end
    end
    each(root)
  end)

  it("names the nearest command", function()
    local code, out, err = run("vrsion")
    assert.equal(2, code)
    assert.equal("", out)
    assert.equal("tagua: unknown command 'vrsion' (did you mean 'version'?); see 'tagua --help'\n", err)
  end)

  it("names the nearest option, wherever it belongs to", function()
    local code, _, err = run("version --jsno")
    assert.equal(2, code)
    assert.equal("tagua: unknown option '--jsno' (did you mean '--json'?); see 'tagua version --help'\n",
      err)
  end)

  it("tells programs that asked for JSON what went wrong, in place of an answer and never behind one", function()
    local json = require("cjson")
    for arguments, expected in pairs({
      ["tags nowhere --json"] = { 2, "ECONFIG", "unknown connection 'nowhere'" },
      ["--json plan rules.lua"] = { 2, "EUSAGE", "whose tags?" },
      ["version --jsno --json"] = { 2, "EUSAGE", "did you mean '--json'?" },
    }) do
      local code, out, err = run(arguments)
      local told = json.decode(out:match("([^\n]*)\n$")).error
      assert.same({ expected[1], expected[2], expected[1] }, { code, told.code, told.exit })
      assert.matches(expected[3], told.message, 1, true)
      assert.equal("tagua: " .. told.message .. "\n", err)
    end
    assert.equal("", (select(2, run("tags nowhere"))))
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/rules.lua", "tag 'x'\n")
    local code, out = run("check " .. folder .. "/rules.lua --json")
    assert.equal(3, code)
    assert.is_false(json.decode(out).ok) -- one value, which is its own
  end)

  it("quotes the argument that is one too many", function()
    local code, _, err = run("version twice")
    assert.equal(2, code)
    assert.equal("tagua: unexpected argument 'twice'; see 'tagua version --help'\n", err)
  end)

  it("says which option lacks its value", function()
    local code, _, err = run("version --ledger")
    assert.equal(2, code)
    assert.equal("tagua: option '--ledger' requires an argument; see 'tagua version --help'\n", err)
  end)

  it("shows control characters of a wrong argument instead of obeying them", function()
    local _, _, err = run("'\27[2J'")
    assert.is_nil(err:find("\27", 1, true))
    assert.matches("\\x1b[2J", err, 1, true)
  end)

  it("takes a reader that goes away for the end of the output", function()
    local code, _, err = support.shell("{ " .. support.tagua .. " --help; echo $? >&2; } | true")
    assert.equal(0, code)
    assert.is_nil(err:find("tagua:", 1, true))
  end)

  it("says so when its output can't be written", function()
    local code, _, err = run("--help >/dev/full")
    assert.equal(75, code)
    assert.matches("^tagua: cannot write to standard output: No space left", err)
  end)

  it("runs modules from a folder instead of its own with --lua-path", function()
    local folder, remove = support.folder()
    finally(remove)
    os.execute("cp -R lua/. " .. folder .. " && cp /usr/share/lua/5.4/argparse.lua " .. folder)
    support.write(folder .. "/tagua/version.lua", 'return "from disk"')
    local code, out = run("--lua-path " .. folder .. " version")
    assert.equal(0, code)
    assert.equal("tagua from disk\n", out)
  end)

  it("starts fast", function()
    local started = require("tagua.core").system.monotonic_ns()
    assert.equal(0, (support.shell("for i in 1 2 3 4 5 6 7 8 9 10; do " .. support.tagua
      .. " version; done")))
    local each_ms = (require("tagua.core").system.monotonic_ns() - started) / 1e6 / 10
    assert.is_true(each_ms < 100, "a start took " .. each_ms .. " ms")
  end)
end)
