-- give_back: a probe was not begun; its place is free.
--
-- ARGV[4]  id of the probe
--
-- Returns the view.

circuit:give_back(ARGV[4])
return circuit:view()
