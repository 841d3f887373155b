--- tagua completion: what a shell needs to complete commands, options and files.
local GENERATORS = { bash = "get_bash_complete", zsh = "get_zsh_complete" }

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
    context:write(parser[GENERATORS[options.shell]](parser))
  end,
}
