--- tagua completion: what a shell needs to complete commands, options and files.
local values = require("tagua.command.values")

local GENERATORS = { bash = "get_bash_complete", zsh = "get_zsh_complete" }

-- Offers the words that an option takes, and no option that is not for people.
local function prepare(parser)
  local shown = {}
  for _, option in ipairs(parser._options) do
    if not option._hidden then
      option._choices = option._choices or values.words[option._convert]
      shown[#shown + 1] = option
    end
  end
  parser._options = shown
  for _, command in ipairs(parser._commands) do prepare(command) end
end

return {
  name = "completion",
  summary = "print what a shell needs to complete tagua's commands and options",
  description = "Prints a script for bash or zsh that completes commands, options and files.",
  examples = {
    "eval \"$(tagua completion bash)\"                            # in ~/.bashrc",
    "tagua completion zsh > \"${fpath[1]}/_tagua\"",
  },
  define = function(parser)
    parser:argument("shell", "Which shell."):choices({ "bash", "zsh" }):argname("bash|zsh")
  end,

  run = function(context, options)
    local parser = require("tagua.command.parser").tree(require("tagua.command").root)
    prepare(parser)
    context:write(parser[GENERATORS[options.shell]](parser))
  end,
}
