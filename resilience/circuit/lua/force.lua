-- force: an operator holds the circuit open or closed, or lets go of it; then it begins anew, closed.
--
-- ARGV[4]  'open', 'closed' or '' to let go    ARGV[5]  by whom
--
-- Returns the view.

circuit:force(ARGV[4] ~= '' and ARGV[4] or nil, ARGV[5])
return circuit:view()
