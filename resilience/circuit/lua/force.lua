-- force: an operator holds the circuit open or closed, or lets go of it; then it begins anew, closed.
--
-- ARGV[4]  'open', 'closed' or '' to let go    ARGV[6]  how long the audit is kept once it is let go of, ms
-- ARGV[5]  by whom                             ARGV[7]  most entries of the audit
--
-- Returns the view.

local before, wanted = position(), ARGV[4] ~= '' and ARGV[4] or nil
local after = wanted or 'closed'
forced, trips, reopens_at = wanted, 0, nil
move(after ~= before and (after == 'open' and 'opened' or 'closed') or nil)

redis.call('LPUSH', AUDIT, cjson.encode({at = NOW, by = ARGV[5], forced = wanted or cjson.null}))
redis.call('LTRIM', AUDIT, 0, ARGV[7] - 1)
if wanted then
  redis.call('HSET', STATE, 'forced', wanted, 'forced_by', ARGV[5], 'forced_at', NOW)
  redis.call('PERSIST', STATE)
  redis.call('PERSIST', AUDIT)
  redis.call('ZADD', KEYS_KNOWN, '+inf', KEY)
else
  redis.call('HDEL', STATE, 'forced', 'forced_by', 'forced_at')
  redis.call('PEXPIRE', AUDIT, ARGV[6])
  keep()
end
return view()
