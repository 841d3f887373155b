--- tagua version: which tagua this is.
return {
  name = "version",
  summary = "say which version this is",
  examples = { "tagua version" },
  run = function(context, options)
    local version = require("tagua.version")
    if options.json then
      context:print(('{"version":"%s","lua":"%s"}'):format(version, _VERSION:match("%S+$")))
    else
      context:print("tagua " .. version)
    end
  end,
}
