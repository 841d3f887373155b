-- The twin stands for the platform: put your own connection in its place, and the secrets where nobody reads them.
connection "local" {
  platform = "local",
  hooks = {
    line   = { secret = env "LINE_CHANNEL_SECRET" },
    -- of the token for-this-example-alone
    events = { sha256 = "9292e39b88e286f846d3597db0fc381b23c2871d9fa117ea77024d8b7b8990c1" },
  },
}

serve { listen = "127.0.0.1:8090", admin = "127.0.0.1:8091" }
