-- A field has no type.
-- finds: rejected 3
fields { orders = 3 }
