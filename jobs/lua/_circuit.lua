-- Shared by all that keep circuits: the moves of deliveries for their receivers, and resilience/circuit for all others.
-- How a circuit stands, and how it moves. A circuit has a prefix and a key.
--
-- Its rules are {threshold: least failures that trip, failure_rate, slow_rate, window, width: of a bucket, open, growth,
-- cap, probes: most at a time, lease: of a probe, forget}; all times in ms.
--
-- Under the prefix:
--   keys          zset  circuits by when they are forgotten, ms; never while forced
--   state:{key}   hash  period: another number after each move. since: its last move, ms. reopens_at, ms: absent while
--                       closed. trips in a row. successes, slow_successes: of probes, since it is half_open. is_met: it
--                       is half_open, and somebody came. forced, forced_by, forced_at. Counts: succeeded, failed,
--                       ignored, rejected, opened, half_opened, closed, probes_{succeeded, failed, ignored, lost}
--   window:{key}  hash  {start of a bucket, ms}:{calls, failures, slow}, while closed
--   probes:{key}  zset  ids of probes under way, by when their leases end, ms
--   audit:{key}   list  JSON: what operators did, newest first
--   trips         string  how often any of them has tripped, for ever
--
-- A circuit without `reopens_at` is closed, one before that is open, and one after it is half_open.

local Circuit = {}
Circuit.__index = Circuit

local MOST_AUDITED, AUDIT_KEPT_MS = 50, 30 * 86400000
local COUNTED_AS = {success = 'succeeded', failure = 'failed', ignored = 'ignored'}

function Circuit.read(prefix, key, rules, now)
  local self = setmetatable({key = key, rules = rules, now = now, known = prefix .. 'keys',
    state = prefix .. 'state:' .. key, window = prefix .. 'window:' .. key,
    probes = prefix .. 'probes:' .. key, audit = prefix .. 'audit:' .. key, tripped = prefix .. 'trips'}, Circuit)
  local found = redis.call('HMGET', self.state, 'period', 'trips', 'since', 'reopens_at', 'forced')
  self.period, self.trips, self.since = tonumber(found[1] or 0), tonumber(found[2] or 0), tonumber(found[3] or 0)
  self.reopens_at, self.forced = tonumber(found[4] or nil), found[5] or nil
  if self:position() == 'half_open' then
    if redis.call('HSETNX', self.state, 'is_met', 1) == 1 then self:add('half_opened') end
    local lost = redis.call('ZREMRANGEBYSCORE', self.probes, '-inf', now)
    if lost > 0 then self:add('probes_lost', lost) end
  end
  return self
end

function Circuit:position()
  if self.forced then return self.forced end
  if not self.reopens_at then return 'closed' end
  return self.now < self.reopens_at and 'open' or 'half_open'
end

function Circuit:add(field, number) redis.call('HINCRBY', self.state, field, number or 1) end

-- What is used stays; an operator's word stays in any case.
function Circuit:keep()
  if self.forced then return end
  if redis.call('PEXPIRE', self.state, self.rules.forget) == 1 then
    redis.call('ZADD', self.known, self.now + self.rules.forget, self.key)
  end
end

-- A move: what was counted before it, and every permit given before it, counts no more.
-- The clock is part of the period: a server that has lost its last writes must not give the same one again.
function Circuit:move(count)
  self.period = math.max(self.period + 1, self.now)
  self.since = self.now
  redis.call('DEL', self.window, self.probes)
  redis.call('HDEL', self.state, 'reopens_at', 'successes', 'slow_successes', 'is_met')
  redis.call('HSET', self.state, 'period', self.period, 'since', self.now, 'trips', self.trips)
  if self.reopens_at then redis.call('HSET', self.state, 'reopens_at', self.reopens_at) end
  if count then self:add(count) end
end

function Circuit:open_until(trips, at)
  self.trips, self.reopens_at = trips, at
  self:move('opened')
end

-- `share` is how much of its time it stays open, near 1.
function Circuit:open(share)
  local rules = self.rules
  local open_ms = math.min(rules.open * rules.growth ^ self.trips, rules.cap)
  redis.call('INCR', self.tripped)
  self:open_until(self.trips + 1, self.now + math.ceil(open_ms * share))
end

function Circuit:close()
  self.trips, self.reopens_at = 0, nil
  self:move('closed')
end

-- How many probes may start.
function Circuit:places()
  local successes = tonumber(redis.call('HGET', self.state, 'successes') or 0)
  return math.max(0, math.max(1, self.rules.probes - successes) - redis.call('ZCARD', self.probes))
end

-- When somebody may be let through, ms: 0 if somebody may now, nil while an operator holds it open.
function Circuit:free_at()
  local state = self:position()
  if state == 'closed' then return 0 end
  if state == 'open' then return not self.forced and self.reopens_at or nil end
  if self:places() > 0 then return 0 end
  return tonumber(redis.call('ZRANGE', self.probes, 0, 0, 'WITHSCORES')[2])
end

-- State, period, ms until somebody may be let through, how many may now (-1: any number), trips, 1 if it is forced.
function Circuit:view()
  local state = self:position()
  local at = self:free_at()
  local wait = at == nil and self.rules.open or at > 0 and at - self.now or 0
  local room = state == 'closed' and -1 or wait > 0 and 0 or self:places()
  return {state, self.period, wait, room, self.trips, self.forced and 1 or 0}
end

-- Whether a call may begin, and whether it is a probe. A probe takes a place, or keeps the one that it has, for `lease`.
function Circuit:pass(id, lease)
  local state = self:position()
  if state ~= 'half_open' then return state == 'closed', false end
  if not redis.call('ZSCORE', self.probes, id) and self:places() == 0 then return false, false end
  redis.call('ZADD', self.probes, self.now + lease, id)
  redis.call('PEXPIRE', self.probes, self.rules.forget)
  self:keep()
  return true, true
end

-- Nothing is known of it any more, but what operators did; while one holds it, it stays.
function Circuit:forget()
  if self.forced then return end
  redis.call('DEL', self.state, self.window, self.probes)
  redis.call('ZREM', self.known, self.key)
  self.period, self.trips, self.since, self.reopens_at = 0, 0, 0, nil
end

-- What it fails at was seen to work, by somebody who had no permit of it.
function Circuit:make_up()
  if self.forced or not self.reopens_at then return end
  self:close()
  self:keep()
end

-- Nothing is left of it.
function Circuit:erase()
  self.forced = nil
  self:forget()
  redis.call('DEL', self.audit)
end

-- A probe ends without having begun. Returns whether it had a place.
function Circuit:give_back(id) return redis.call('ZREM', self.probes, id) == 1 end

-- Nobody will tell how a probe ended.
function Circuit:lose(id)
  if not self:give_back(id) then return end
  self:add('probes_lost')
  self:keep()
end

-- Calls, failures and slow calls in the window; buckets that are older go.
function Circuit:sum()
  local sums = {calls = 0, failures = 0, slow = 0}
  local flat = redis.call('HGETALL', self.window)
  for i = 1, #flat, 2 do
    local start, name = string.match(flat[i], '^(%d+):(%a+)$')
    if tonumber(start) > self.now - self.rules.window then
      sums[name] = sums[name] + tonumber(flat[i + 1])
    else
      redis.call('HDEL', self.window, flat[i])
    end
  end
  return sums
end

function Circuit:count_calls(ended, outcome, is_slow, share)
  local rules = self.rules
  local start = string.format('%d', self.now - self.now % rules.width)
  local calls = redis.call('HINCRBY', self.window, start .. ':calls', ended)
  if outcome == 'failure' then redis.call('HINCRBY', self.window, start .. ':failures', ended) end
  if is_slow then redis.call('HINCRBY', self.window, start .. ':slow', ended) end
  redis.call('PEXPIRE', self.window, rules.window)
  if calls == ended then redis.call('ZREMRANGEBYSCORE', self.known, '-inf', self.now) end
  local is_bad = outcome == 'failure' or is_slow
  if calls > ended and not is_bad then return end
  local sums = self:sum()
  local is_failing = sums.failures >= rules.threshold and sums.failures >= rules.failure_rate * sums.calls
  local is_slowing = sums.slow >= rules.threshold and sums.slow >= rules.slow_rate * sums.calls
  if is_bad and not self.forced and (is_failing or is_slowing) then self:open(share) end
end

-- A failure opens the circuit again. The last success that is wanted closes it, unless too many of them were slow.
function Circuit:count_probe(outcome, is_slow, share)
  self:add('probes_' .. COUNTED_AS[outcome])
  if outcome == 'failure' then
    self:open(share)
  elseif outcome == 'success' then
    local successes = redis.call('HINCRBY', self.state, 'successes', 1)
    local slow = redis.call('HINCRBY', self.state, 'slow_successes', is_slow and 1 or 0)
    if successes < self.rules.probes then return end
    if slow >= self.rules.slow_rate * successes then self:open(share) else self:close() end
  end
end

-- A call has ended as 'success', 'failure' or 'ignored'. It counts if the circuit has not moved since `period`; a
-- probe, if its lease holds. `id` is that of a probe, else nil; `share` as for open; of other calls than probes, `calls`
-- may have ended alike.
function Circuit:record(id, period, outcome, is_slow, share, calls)
  local ended = calls or 1
  self:add(COUNTED_AS[outcome], ended)
  if id then
    if self:give_back(id) then self:count_probe(outcome, is_slow, share) end
  elseif outcome ~= 'ignored' and self:position() == 'closed' and period == self.period then
    self:count_calls(ended, outcome, is_slow, share)
  end
  self:keep()
end

-- An operator holds the circuit 'open' or 'closed', or lets go of it (nil); then it begins anew, closed.
function Circuit:force(wanted, by)
  local before, after = self:position(), wanted or 'closed'
  self.forced, self.trips, self.reopens_at = wanted, 0, nil
  self:move(after ~= before and (after == 'open' and 'opened' or 'closed') or nil)
  redis.call('LPUSH', self.audit, cjson.encode({at = self.now, by = by, forced = wanted or cjson.null}))
  redis.call('LTRIM', self.audit, 0, MOST_AUDITED - 1)
  if wanted then
    redis.call('HSET', self.state, 'forced', wanted, 'forced_by', by, 'forced_at', self.now)
    redis.call('PERSIST', self.state)
    redis.call('PERSIST', self.audit)
    redis.call('ZADD', self.known, '+inf', self.key)
  else
    redis.call('HDEL', self.state, 'forced', 'forced_by', 'forced_at')
    redis.call('PEXPIRE', self.audit, AUDIT_KEPT_MS)
    self:keep()
  end
end
