--- Requests to one HTTP API, many at a time, within its rate limit: `require("tagua.core").engine`. What C does,
-- described for LDoc; nothing here is run. Connections stand on it; a program may use it for an API that Tagua has no
-- platform for. Times are seconds.
-- @module tagua.core.engine
local M, Engine = {}, {}

--- Makes an engine.
-- @tparam table given `base` (`"https://host/path"`, `"http://127.0.0.1:8080"` or `"unix:/path"`; what every path stands
--   behind), `name` (for messages), `bearer` (a Secret: the Authorization header), `body_secret` (`{ field =, value = }`: a
--   Secret that goes into the body's JSON object), `rate` (as of tagua.core.limiter, and `classes` { name = rate }),
--   `in_flight` (16), `connect_timeout` (10), `timeout` (30), `attempts` (5), `backoff` (0.5), `backoff_max` (30),
--   `give_up_after` (600), `unreachable_after` (5 connections that failed in a row), `alone_first` (true: the first
--   request goes alone), `envelope` (`code`, `message`, `status`, `success`: paths of an error inside a 200), `codes` (what a
--   platform's codes mean: { [number] = verdict }), `user_agent`, `ca_file`, `renewable` (refused credentials wait for
--   `renew`)
-- @treturn Engine|nil raises on misuse
-- @treturn string message
-- @treturn string code
function M.new(given) end

--- Queues a request. Nothing is sent before `poll`.
-- @tparam table given `method`, `path` (below base), `body`, `class` (of the rate), `lane` (requests of one lane go one at a
--   time, in order), `repeatable` (it has no effect, or the same one twice), `max_body` (bytes of an answer: 1 MiB), `token`
--   (any value, which the result hands back)
function Engine:submit(given) end

--- Sends, receives and waits.
-- @tparam[opt=0] number seconds to wait at most for something to happen
-- @tparam[opt] {integer,...} descriptors that end the wait, too, when they are readable
-- @treturn {table,...}|nil results: `ok`, `verdict` (`"done"`, `"fail"`, `"settle"`: its effect is not known, `"stop"`,
--   `"cancelled"`), `token`, `status`, `body`, `attempts`, `sent`; where not ok `message`, `code`, `platform_code`
-- @treturn string message
-- @treturn string code
function Engine:poll(seconds, descriptors) end

--- What to wait for in a loop of one's own.
-- @treturn integer|nil a descriptor that is readable when there is something to do
-- @treturn number|nil|string seconds to wait at most, nil for no end; or a message
-- @treturn string code
function Engine:descriptor() end

--- Requests that have no result yet.
-- @treturn integer
function Engine:pending() end

--- Requests under way.
-- @treturn integer
function Engine:flying() end

--- What was done so far.
-- @treturn table `sent`, `answered`, `retries`, `throttled`, `waited_seconds`, `rate`
function Engine:stats() end

--- Everything that is not under way comes back as cancelled.
function Engine:drop_queued() end

--- Why nothing more is sent.
-- @treturn string|nil message; nil while it goes on
-- @treturn string code
function Engine:stopped() end

--- A stopped engine goes on with what is submitted from now on.
function Engine:restart() end

--- Sends nothing more until `renew`.
function Engine:hold() end

--- Whether new credentials are wanted, and nothing is under way any more.
-- @treturn integer|nil the platform's code for refusing them, 0 when it did not
function Engine:renewal() end

--- New credentials.
-- @tparam table given `bearer`, `body_secret` (Secrets)
-- @treturn boolean|nil true
-- @treturn string message
-- @treturn string code
function Engine:renew(given) end

--- There are no new credentials: what waits comes back with this.
-- @tparam string message
-- @tparam string code
function Engine:give_up(message, code) end

--- Ends it, requests under way included; collecting does so, too.
function Engine:close() end

return M
