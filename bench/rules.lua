-- The rules of the benches: what tagua decides, and what the bare loop over lua-cjson does.
fields {
  orders     = integer,
  spend      = number,
  city       = text,
  newsletter = boolean,
}

tag "VIP" { when = function(user) return user.orders >= 10 and user.spend >= 30000 end }
tag "Big spender" { when = function(user) return user.spend >= 60000 end }
tag "Buyer" { when = function(user) return user.orders > 0 end }
tag "North" {
  when = function(user)
    return user.newsletter and (user.city == "台北" or user.city == "新北" or user.city == "桃園")
  end,
}
tag "South" {
  when = function(user)
    return user.newsletter and (user.city == "台南" or user.city == "高雄")
  end,
}
