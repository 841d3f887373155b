-- There is no rule.
-- finds: rejected 1
fields { orders = integer }
