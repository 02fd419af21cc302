-- admit: say how the circuit stands, and take the place of a probe in one that is half_open.
--
-- ARGV[4]  id of the probe; the same again means that the answer was lost on the way. '' takes no place
--
-- Returns 1 if the place is taken, else 0; then the view.

local is_probe = 0
if ARGV[4] ~= '' and position() == 'half_open' then
  if redis.call('ZSCORE', PROBES, ARGV[4]) then
    is_probe = 1
  elseif places() > 0 then
    redis.call('ZADD', PROBES, NOW + rules.lease, ARGV[4])
    is_probe = 1
  end
end
keep()
local answer = view()
table.insert(answer, 1, is_probe)
return answer
