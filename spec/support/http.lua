--- A plain HTTP client for specs of servers: another process, raw bytes, nothing hidden.
-- It shares no code with what it tests. Perl's base system is part of every Debian.
local core = require("tagua.core")
local support = require("spec.support")

local M = {}

local CLIENT = [[
use strict; use Socket;
my ($address, $in, $out, $piece, $pause, $linger) = @ARGV;
my ($path) = $address =~ /^unix:(.*)/;
my ($host, $port) = $address =~ /^(.*):(\d+)$/;
my ($family, $where) = defined $path ? (AF_UNIX, pack_sockaddr_un($path))
  : (AF_INET, pack_sockaddr_in($port, inet_aton($host)));
socket(my $socket, $family, SOCK_STREAM, 0) or die;
my $got = "";
if (connect($socket, $where)) {
  $SIG{PIPE} = "IGNORE";
  open(my $file, "<:raw", $in) or die; local $/; my $text = <$file>;
  while (length $text) {
    my $part = substr($text, 0, $piece, "");
    last unless defined syswrite($socket, $part);
    select(undef, undef, undef, $pause) if $pause;
  }
  shutdown($socket, 1) if $linger eq "half";
  my $part;
  while ($linger ne "leave") {
    my $count = sysread($socket, $part, 65536);
    $got .= "[reset]" if !defined $count;
    last unless $count;
    $got .= $part;
  }
} else { $got = "[refused]"; }
open(my $file, ">:raw", "$out.part") or die; print $file $got; close $file;
rename "$out.part", $out;
]]

--- The bytes of a request that closes its connection.
-- @tparam table request method, path, body, token, headers
function M.text(request)
  local lines = { (request.method or (request.body and "POST" or "GET")) .. " " .. request.path .. " HTTP/1.1",
    "Host: tagua" }
  if not request.keep then
    lines[#lines + 1] = "Connection: close"
  end
  if request.token then
    lines[#lines + 1] = "Authorization: Bearer " .. request.token
  end
  for name, value in pairs(request.headers or {}) do
    lines[#lines + 1] = name .. ": " .. value
  end
  if request.body then
    lines[#lines + 1] = "Content-Type: application/json"
    lines[#lines + 1] = "Content-Length: " .. #request.body
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (request.body or "")
end

--- Starts a client that sends these bytes and reads until the connection ends.
-- @tparam string address "127.0.0.1:PORT" or "unix:PATH"
-- @tparam string text
-- @tparam[opt] table how piece = bytes at once, pause = seconds between pieces, linger = "half" to
-- say that nothing more comes, "leave" to leave without an answer
-- @treturn table client: done() tells whether it has ended, answer() what came
function M.start(address, text, how)
  how = how or {}
  local folder, remove = support.folder()
  support.write(folder .. "/in", text)
  support.write(folder .. "/client.pl", CLIENT)
  os.execute(string.format("perl '%s/client.pl' '%s' '%s/in' '%s/out' %d %s %s >/dev/null 2>&1 &", folder,
    address, folder, folder, how.piece or 1 << 20, how.pause or 0, how.linger or "open"))
  local client = {}
  function client.done()
    local file = io.open(folder .. "/out")
    if file then
      file:close()
    end
    return file ~= nil
  end
  function client.raw()
    local raw = support.read(folder .. "/out")
    remove()
    return raw
  end
  function client.answer()
    return M.parse(client.raw())
  end
  return client
end

--- Reads one answer: status, headers (lower-case names), body; raw as it came.
function M.parse(raw)
  local answer = { raw = raw, headers = {} }
  local head, body = raw:match("^(.-)\r\n\r\n(.*)$")
  if not head then
    return answer
  end
  answer.status = tonumber(head:match("^HTTP/1%.1 (%d+)"))
  for name, value in head:gmatch("\r\n([^:]+): ([^\r]*)") do
    answer.headers[name:lower()] = value
  end
  if answer.headers["transfer-encoding"] == "chunked" then
    local whole = {}
    local at = 1
    while true do
      local size, stop = body:match("^(%x+)[^\r]*\r\n()", at)
      if not size or tonumber(size, 16) == 0 then
        break
      end
      whole[#whole + 1] = body:sub(stop, stop + tonumber(size, 16) - 1)
      at = stop + tonumber(size, 16) + 2
    end
    body = table.concat(whole)
  end
  answer.body = body
  return answer
end

--- Steps until all clients have their answers.
-- @tparam function step called again and again; waits a little by itself
-- @tparam table clients as from start
function M.finish(step, clients)
  local began = core.system.monotonic_ns()
  while core.system.monotonic_ns() - began < 20000000000 do
    local open = 0
    for _, client in ipairs(clients) do
      open = open + (client.done() and 0 or 1)
    end
    if open == 0 then
      return
    end
    step()
  end
  error("a client has no answer after 20 seconds")
end

return M
