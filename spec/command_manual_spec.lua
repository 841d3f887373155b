local parser = require("tagua.command.parser")
local root = require("tagua.command").root
local support = require("spec.support")

-- Every command with its parser, those below others too.
local function each(at, definition, path, act)
  act(at, definition, path)
  for i, child in ipairs(at._commands) do
    each(child, definition.commands[i], path .. " " .. definition.commands[i].name, act)
  end
end

local function has(program)
  return (support.shell("command -v " .. program)) == 0
end

local function printed(arguments)
  local code, out, err = support.shell(support.tagua .. " " .. arguments)
  assert.equal(0, code, err)
  return out
end

describe("tagua manual", function()
  it("has every command, argument and option, each with what it is for", function()
    local text = printed("manual"):gsub("\\%-", "-")
    each(parser.tree(root), root, "tagua", function(at, definition, path)
      if not definition.commands then
        assert.matches("\n.SS " .. path .. "\n", text, 1, true)
        assert.is_true(#definition.examples > 0, path .. " has no example")
      end
      for _, list in ipairs({ at._arguments, at._options }) do
        for _, element in ipairs(list) do
          if not element._hidden then
            assert.is_true(#(element._description or "") > 3, path .. " " .. element._name .. " has no description")
            if element._name ~= "--help" then
              local what = element._public_aliases and element._public_aliases[1]
                or table.concat(element:_get_argument_list(), " ")
              assert.matches(what, text, 1, true)
            end
          end
        end
      end
    end)
  end)

  it("has every error code with the exit code that it leads to", function()
    local text = printed("manual")
    for _, entry in ipairs(require("tagua.errors").list) do
      local section = text:match("\n\\fB" .. entry.exit .. "\\fR\n(.-)\n%.")
      assert.matches(entry.code, section, 1, true)
    end
  end)

  it("is a page that man shows without a warning", function()
    if not has("man") then return pending("there is no man here") end
    local code, out, err = support.shell(support.tagua .. " manual | man --warnings -l -")
    assert.equal("", err)
    assert.equal(0, code)
    assert.matches("EXIT STATUS", out, 1, true)
  end)
end)

describe("tagua completion", function()
  it("completes commands, commands of commands and options in bash", function()
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/completion", printed("completion bash"))
    for typed, expected in pairs({ ["tagua pl"] = "plan", ["tagua twin ser"] = "serve", ["tagua plan --user"] = "--users",
      ["tagua plan --format j"] = "jsonl", ["tagua apply --force gr"] = "growth", ["tagua report --by m"] = "month",
      ["tagua plan --match ph"] = "phone", ["tagua serve --par"] = "" }) do
      local words = {}
      for word in typed:gmatch("%S+") do words[#words + 1] = word end
      local code, out, err = support.shell(([[bash -c '. "%s/completion"; COMP_WORDS=(%s); COMP_CWORD=%d; _tagua; echo "${COMPREPLY[@]}"']])
        :format(folder, typed, #words - 1))
      assert.equal("", err)
      assert.equal(expected .. "\n", out, typed)
      assert.equal(0, code)
    end
  end)

  it("knows every command and every option that people use, in both shells", function()
    for _, shell in ipairs({ "bash", "zsh" }) do
      local text = printed("completion " .. shell)
      for _, command in ipairs(require("tagua.command").root.commands) do
        assert.matches(command.name, text, 1, true)
      end
      assert.is_nil(text:find("--part", 1, true))
      assert.matches("csv jsonl", text, 1, true)
    end
  end)

  it("is a script that zsh reads", function()
    if not has("zsh") then return pending("there is no zsh here") end
    local code, _, err = support.shell(support.tagua .. " completion zsh | zsh -n")
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("names the shells that it knows", function()
    local code, _, err = support.shell(support.tagua .. " completion fish")
    assert.equal(2, code)
    assert.matches("bash", err)
  end)
end)
