-- The connections of `make demo`: twins inside the process, with a limit as platforms have one.
connection "local" {
  platform = "local",
  limit = { per_second = 1500, burst = 100 }, -- what the twin lets through; more is answered with 429
  rate = { per_second = 1500, burst = 20 }, -- what tagua sends at most
}

connection "manta" {
  platform = "local",
  as = "mantago",
  store = "manta-local.db",
  limit = { per_second = 3000, burst = 200 },
  rate = { per_second = 3000, burst = 50 },
}
