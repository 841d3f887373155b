-- README.zh-TW.md says what README.md says, section by section. What cannot be compared is the prose; what is:
-- sections, files that are written, commands that are typed, pages, examples and specs that are named.
local support = require("spec.support")

local function sections(path)
  local list = { { level = 0, title = path, lines = {} } }
  local inside = false
  for line in support.read(path):gmatch("([^\n]*)\n") do
    if line:find("^%s*```") then inside = not inside end
    local marks, title = line:match("^(##+) (.+)$")
    if marks and not inside then
      list[#list + 1] = { level = #marks, title = title, lines = {} }
    else
      table.insert(list[#list].lines, line)
    end
  end
  return list
end

-- The names of the files that a section's blocks are, in order.
local function files(section)
  local found = {}
  for _, line in ipairs(section.lines) do found[#found + 1] = line:match("^```%w+ (%S+)$") end
  return found
end

-- What is typed in a section, in order: tagua's commands with their options, and other programs' names.
local function commands(section)
  local found, kind = {}, nil
  for _, line in ipairs(section.lines) do
    local fence = line:match("^%s*```(%w*)")
    if fence then
      kind = not kind and (fence == "" and "text" or fence) or nil
    elseif kind == "sh" then
      local typed = line:gsub("^%$ ", ""):gsub("%s+# .*$", "")
      if typed:find("^%l") or typed:find("^%(") then
        local words = {}
        for word in typed:gmatch("%S+") do
          -- but for names of tags, which are in the reader's language
          if word:find("^[%w%-@_/%.:]+$") and not word:find("^%u%l+$") then words[#words + 1] = word end
        end
        found[#found + 1] = table.concat(words, " ")
      end
    end
  end
  return found
end

-- What a section links to, with the names of specs.
local function links(section)
  local found = {}
  for target in table.concat(section.lines, "\n"):gmatch("%]%(([^%s%)]+[^%)]-)%)") do
    if not target:find("^README") then found[target] = true end
  end
  return found
end

describe("README.zh-TW.md", function()
  local english, chinese = sections("README.md"), sections("README.zh-TW.md")

  it("has every section of README.md, in its order", function()
    for i, section in ipairs(english) do
      local other = chinese[i]
      assert.is_truthy(other, "there is no section for '" .. section.title .. "'")
      assert.equal(section.level, other.level, ("'%s' stands where '%s' should"):format(other.title, section.title))
    end
    assert.equal(#english, #chinese, "there is a section more")
  end)

  for i, section in ipairs(english) do
    it("writes the same files and types the same commands in '" .. section.title .. "'", function()
      assert.same(files(section), files(chinese[i]))
      assert.same(commands(section), commands(chinese[i]))
    end)

    it("names the same pages, examples and specs in '" .. section.title .. "'", function()
      local there = links(chinese[i])
      for path in pairs(links(section)) do
        assert.is_true(there[path], ("'%s' names %s, '%s' does not"):format(section.title, path, chinese[i].title))
      end
    end)
  end

  it("is Chinese: no section is left in English", function()
    for _, section in ipairs(chinese) do
      local text = table.concat(section.lines, "\n"):gsub("```.-```", "")
      local _, characters = text:gsub("[\xe4-\xe9][\x80-\xbf][\x80-\xbf]", "")
      if #text > 60 and section.level > 0 and not text:find("^%s*MIT") then
        assert.is_true(characters >= 20, section.title)
      end
    end
  end)

  it("uses the words of those who do this work", function()
    local text = support.read("README.zh-TW.md")
    for _, word in ipairs({ "標籤", "分眾", "名單", "貼標", "機器人", "漸進", "回填", "後台", "用戶" }) do
      assert.matches(word, text, 1, true)
    end
    for _, word in ipairs({ "标签", "用户", "文件夹", "软件", "信息", "默认" }) do -- the other side's
      assert.is_nil(text:find(word, 1, true))
    end
  end)
end)
