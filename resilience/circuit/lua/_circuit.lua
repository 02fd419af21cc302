-- Shared by every script of one circuit: what all of them are given, the time, and how a circuit moves.
-- The loader puts it before each (resilience/circuit/shared.py).
--
-- KEYS[1]  prefix of all keys
-- ARGV[1]  the circuit's key
-- ARGV[2]  JSON: {threshold: least failures that trip, failure_rate, slow_rate, window, width: of a bucket, open,
--          growth, cap, probes: most at a time, lease: of a probe, forget}; all times in ms
-- ARGV[3]  JSON: what a process has counted by itself, {field: number}; '' for nothing
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
--
-- A circuit without `reopens_at` is closed, one before that is open, and one after it is half_open.

local PREFIX, KEY = KEYS[1], ARGV[1]
local KEYS_KNOWN = PREFIX .. 'keys'
local STATE, WINDOW = PREFIX .. 'state:' .. KEY, PREFIX .. 'window:' .. KEY
local PROBES, AUDIT = PREFIX .. 'probes:' .. KEY, PREFIX .. 'audit:' .. KEY
local rules = cjson.decode(ARGV[2])
local clock = redis.call('TIME')
local NOW = clock[1] * 1000 + math.floor(clock[2] / 1000)

local found = redis.call('HMGET', STATE, 'period', 'trips', 'since', 'reopens_at', 'forced')
local period, trips, since = tonumber(found[1] or 0), tonumber(found[2] or 0), tonumber(found[3] or 0)
local reopens_at, forced = tonumber(found[4] or nil), found[5] or nil

local function position()
  if forced then return forced end
  if not reopens_at then return 'closed' end
  return NOW < reopens_at and 'open' or 'half_open'
end

local function add(field, number) redis.call('HINCRBY', STATE, field, number or 1) end

-- What is used stays; an operator's word stays in any case.
local function keep()
  if forced then return end
  redis.call('PEXPIRE', PROBES, rules.forget)
  if redis.call('PEXPIRE', STATE, rules.forget) == 1 then redis.call('ZADD', KEYS_KNOWN, NOW + rules.forget, KEY) end
end

-- A move: what was counted before it, and every permit given before it, counts no more.
-- The clock is part of the period: a server that has lost its last writes must not give the same one again.
local function move(count)
  period = math.max(period + 1, NOW)
  since = NOW
  redis.call('DEL', WINDOW, PROBES)
  redis.call('HDEL', STATE, 'reopens_at', 'successes', 'slow_successes', 'is_met')
  redis.call('HSET', STATE, 'period', period, 'since', NOW, 'trips', trips)
  if reopens_at then redis.call('HSET', STATE, 'reopens_at', reopens_at) end
  if count then add(count) end
end

local function open(share)
  trips = trips + 1
  reopens_at = NOW + math.ceil(math.min(rules.open * rules.growth ^ (trips - 1), rules.cap) * share)
  move('opened')
end

local function close()
  trips, reopens_at = 0, nil
  move('closed')
end

-- How many probes may start.
local function places()
  local successes = tonumber(redis.call('HGET', STATE, 'successes') or 0)
  return math.max(0, math.max(1, rules.probes - successes) - redis.call('ZCARD', PROBES))
end

-- State, period, ms until somebody may be let through, how many may now (-1: any number), trips, 1 if it is forced.
local function view()
  local state, wait, room = position(), 0, -1
  if state == 'open' then
    wait, room = forced and rules.open or reopens_at - NOW, 0
  elseif state == 'half_open' then
    room = places()
    if room == 0 then wait = redis.call('ZRANGE', PROBES, 0, 0, 'WITHSCORES')[2] - NOW end
  end
  return {state, period, wait, room, trips, forced and 1 or 0}
end

-- Calls, failures and slow calls in the window; buckets that are older go.
local function sum()
  local sums = {calls = 0, failures = 0, slow = 0}
  local flat = redis.call('HGETALL', WINDOW)
  for i = 1, #flat, 2 do
    local start, name = string.match(flat[i], '^(%d+):(%a+)$')
    if tonumber(start) > NOW - rules.window then
      sums[name] = sums[name] + tonumber(flat[i + 1])
    else
      redis.call('HDEL', WINDOW, flat[i])
    end
  end
  return sums
end

if ARGV[3] ~= '' then
  for field, number in pairs(cjson.decode(ARGV[3])) do add(field, number) end
  keep()
end
if position() == 'half_open' then
  if redis.call('HSETNX', STATE, 'is_met', 1) == 1 then add('half_opened') end
  local lost = redis.call('ZREMRANGEBYSCORE', PROBES, '-inf', NOW)
  if lost > 0 then add('probes_lost', lost) end
end
