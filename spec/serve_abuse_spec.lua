local cases = require("spec.support.hooks")
local core = require("tagua.core")
local support = require("spec.support")

-- `make check` has ten thousand of them.
local IDLE = math.tointeger(tonumber(os.getenv("TAGUA_IDLE") or 1500))

local EVENT = '{"destination":"U0","events":[{"type":"follow","timestamp":1700000000000,"mode":"active",'
  .. '"webhookEventId":"%d","source":{"type":"user","userId":"U%d"}}]}'

-- Opens connections as fast as it can and keeps them: a third says nothing, a third half a header, a third half a body.
-- What is closed is opened again.
local CROWD = [[
use strict; use Socket; my ($port, $many, $file) = @ARGV; my @all; my $opened = 0;
$SIG{PIPE} = "IGNORE";
my $where = pack_sockaddr_in($port, inet_aton("127.0.0.1"));
while (1) {
  for my $i (0 .. $many - 1) {
    my $s;
    unless (socket($s, AF_INET, SOCK_STREAM, 0) && connect($s, $where)) { select(undef, undef, undef, 0.05); next; }
    syswrite($s, "POST /hooks/line/shop HTTP/1.1\r\nHost: t\r\nX-Line") if $i % 3 == 1;
    syswrite($s, "POST /hooks/line/shop HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n{") if $i % 3 == 2;
    $all[$i] = $s; $opened++;
    if ($opened % 500 == 0) { open(my $f, ">", "$file.part"); print $f $opened; close $f; rename "$file.part", $file; }
  }
}
]]

describe("the intake in a crowd", function()
  local place

  before_each(function() place = cases.place() end)
  after_each(function() place:close() end)

  local function opened()
    local file = io.open(place.folder .. "/opened")
    local text = file and file:read("a")
    if file then file:close() end
    return tonumber(text) or 0
  end

  it("answers whoever sends a signed event, while thousands of connections only stand there", function()
    place:open()
    support.write(place.folder .. "/crowd.pl", CROWD)
    local port = place.taker:address():match(":(%d+)$")
    local _, pid = support.shell(("ulimit -n %d 2>/dev/null; perl %s/crowd.pl %s %d %s/opened >/dev/null 2>&1 & echo $!"):format(
      IDLE + 100, place.folder, port, IDLE, place.folder))
    finally(function() os.execute("kill -9 " .. pid) end)
    local sent = 0
    local began = core.system.monotonic_ns()
    repeat
      local requests = {}
      for i = 1, 8 do
        sent = sent + 1
        requests[i] = place:from_line(EVENT:format(sent, sent))
      end
      for _, answer in ipairs(place:ask_all(requests)) do
        assert.equal(200, answer.status, answer.raw)
      end
      for _ = 1, 20 do
        place.taker:wait(0.005)
      end
      assert.is_true(core.system.monotonic_ns() - began < 200000000000, "only " .. opened() .. " were opened")
    until opened() >= IDLE
    assert.equal(sent, #place:kept())
    local metrics = place.taker:metrics()
    assert.is_true(metrics['tagua_clients_evicted_total{listener="http"}'] > 0)
    assert.is_true(metrics['tagua_clients{listener="http"}'] <= 1024)
  end)

  it("answers others while one sends a megabyte of headers, one trickles, and one sends what never ends", function()
    place:open({ timeout = 2 })
    local http = require("spec.support.http")
    local clients = {
      http.start(place.taker:address(), "GET / HTTP/1.1\r\nX: " .. ("x"):rep(1 << 20) .. "\r\n\r\n"),
      http.start(place.taker:address(), http.text(place:from_line(EVENT:format(1, 1))), { piece = 2, pause = 0.1 }),
      http.start(place.taker:address(), "POST /hooks/line/shop HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. ("10000\r\n" .. ("x"):rep(65536) .. "\r\n"):rep(40)),
      http.start(place.taker:address(), ("\0\255"):rep(5000)),
    }
    for i = 1, 3 do
      assert.equal(200, place:ask(place:from_line(EVENT:format(i + 10, i))).status)
    end
    http.finish(function() place.taker:wait(0.01) end, clients)
    assert.equal(3, #place:kept())
  end)
end)
