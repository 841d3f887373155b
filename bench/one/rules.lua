-- Three declared fields of 20, one rule: what the record unit and the decider cost by themselves.
fields {
  orders = integer,
  spend  = number,
  city   = text,
}

tag "VIP" {
  when = function(user) return user.orders >= 10 and user.spend >= 30000 and user.city ~= "台北" end,
}
