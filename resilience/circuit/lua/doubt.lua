-- doubt: a process that had to judge by itself comes back, and its own circuit was not closed. If the shared one is, and
-- was not moved meanwhile, probes decide before all calls are let through again.
--
-- ARGV[4]  how long the process was alone, ms    ARGV[5]  how often in a row its circuit had tripped
--
-- Returns the view.

if position() == 'closed' and not forced and since < NOW - tonumber(ARGV[4]) then
  trips, reopens_at = math.max(trips, tonumber(ARGV[5])), NOW
  move('half_opened')
  redis.call('HSET', STATE, 'is_met', 1)
  keep()
end
return view()
