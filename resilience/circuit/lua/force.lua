-- force: an operator holds the circuit open or closed, or lets go of it; then it begins anew, closed.
--
-- ARGV[4]  'open', 'closed' or '' to let go    ARGV[6]  how long the audit is kept once it is let go of, ms
-- ARGV[5]  by whom                             ARGV[7]  most entries of the audit
--
-- Returns the view.

circuit:force(ARGV[4] ~= '' and ARGV[4] or nil, ARGV[5], tonumber(ARGV[7]), ARGV[6])
return circuit:view()
