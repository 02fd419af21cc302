-- record: a call has ended. Its outcome counts if the circuit has not moved since its permit was given; a probe's, while
-- its lease holds.
--
-- ARGV[4]  id of the probe, '' for any other call    ARGV[6]  'success', 'failure' or 'ignored'
-- ARGV[5]  period of the permit                      ARGV[7]  1 if the call was slow, else 0
-- ARGV[8]  how much of its time the circuit stays open if it opens now, near 1
--
-- Returns the view.

local outcome, is_slow, share = ARGV[6], ARGV[7] == '1', tonumber(ARGV[8])
local COUNTS = {success = 'succeeded', failure = 'failed', ignored = 'ignored'}

local function count()
  local start = string.format('%d', NOW - NOW % rules.width)
  local calls = redis.call('HINCRBY', WINDOW, start .. ':calls', 1)
  if outcome == 'failure' then redis.call('HINCRBY', WINDOW, start .. ':failures', 1) end
  if is_slow then redis.call('HINCRBY', WINDOW, start .. ':slow', 1) end
  redis.call('PEXPIRE', WINDOW, rules.window)
  if calls == 1 then redis.call('ZREMRANGEBYSCORE', KEYS_KNOWN, '-inf', NOW) end
  local is_bad = outcome == 'failure' or is_slow
  if calls > 1 and not is_bad then return end
  local sums = sum()
  local is_failing = sums.failures >= rules.threshold and sums.failures >= rules.failure_rate * sums.calls
  local is_slowing = sums.slow >= rules.threshold and sums.slow >= rules.slow_rate * sums.calls
  if is_bad and not forced and (is_failing or is_slowing) then open(share) end
end

-- A failure opens the circuit again. The last success that is wanted closes it, unless too many of them were slow.
local function probe()
  add('probes_' .. COUNTS[outcome])
  if outcome == 'failure' then
    open(share)
  elseif outcome == 'success' then
    local successes = redis.call('HINCRBY', STATE, 'successes', 1)
    local slow = redis.call('HINCRBY', STATE, 'slow_successes', is_slow and 1 or 0)
    if successes < rules.probes then return end
    if slow >= rules.slow_rate * successes then open(share) else close() end
  end
end

add(COUNTS[outcome])
if ARGV[4] ~= '' then
  if redis.call('ZREM', PROBES, ARGV[4]) == 1 then probe() end
elseif outcome ~= 'ignored' and position() == 'closed' and tonumber(ARGV[5]) == period then
  count()
end
keep()
return view()
