-- doubt: a process that had to judge by itself comes back, and its own circuit was not closed. If the shared one is, and
-- was not moved meanwhile, probes decide before all calls are let through again.
--
-- ARGV[4]  how long the process was alone, ms    ARGV[5]  how often in a row its circuit had tripped
--
-- Returns the view.

if circuit:position() == 'closed' and not circuit.forced and circuit.since < NOW - tonumber(ARGV[4]) then
  circuit.trips, circuit.reopens_at = math.max(circuit.trips, tonumber(ARGV[5])), NOW
  circuit:move('half_opened')
  redis.call('HSET', circuit.state, 'is_met', 1)
  circuit:keep()
end
return circuit:view()
