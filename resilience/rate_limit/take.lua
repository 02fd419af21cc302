#!lua
-- Takes from any number of windows, from all of them or from none; or only looks at them.
-- A refused take changes no window, and a look nothing at all. Every time is Redis' own; where its clock has been turned
-- back, a window goes on from the latest time that it knows. Nothing goes into the append-only file or to replicas, so
-- that no request waits for a disk; a server that is started again has forgotten the windows.
--
-- KEYS[1]   hash     statistics: "class:allowed" and "class:refused" to their numbers, of MOST_CLASSES classes
-- KEYS[2..] a window each, which expires once it is as good as new; nothing in it depends on its limit.
--           They hold doubles, packed:
--   log     list     of each take in the window, oldest first: when, in us, the cost of all up to then, its own cost
--   counter string   length of the windows of the clock and time of the last take, in ms; cost taken in the window before
--                    that of the last take, and in it
--   burst   string   length and time of the last take, in us, and what was not paid back then, in cost times length
-- ARGV[1]   cost
-- ARGV[2]   1 to take, 0 to look
-- ARGV[3..] for each window five doubles, packed: kind (1 log, 2 counter, 3 burst), limit, length in us, rate (how much
--           of a burst comes back in its length), number of its bucket; then, for each bucket, its class
-- Answer    1 if it is allowed, else 0; then for each window: remaining, us until it is as good as new, us until the
--           cost fits, which are -1 where it never will

local MOST_CLASSES = 64
local STATISTICS = KEYS[1]
local COST = tonumber(ARGV[1])
local TAKES = ARGV[2] == '1'
local clock = redis.call('TIME')
local NOW = clock[1] * 1000000 + clock[2]

redis.set_repl(redis.REPL_NONE)

local call, pack, unpack_ = redis.call, struct.pack, struct.unpack
local floor, ceil, max = math.floor, math.ceil, math.max

-- Each kind has two functions: `read` finds `used`, `reset` and, if the cost can fit at all, `wait`; `take` adds the cost.

local function expires_in(us) return max(1, ceil(us / 1000)) end

-- log: entries that have left the window stay until the next take.

local function entry(window, index)
  local packed = call('LINDEX', window.key, index)
  if packed then return unpack_('ddd', packed) end
end

-- The first entry from `low` on for which it holds, as it does for all after it; there is one, and it is mostly near.
local function search(window, low, is_found)
  local high, step = low, 1
  local at, total, cost = entry(window, high)
  while at and not is_found(at, total) do
    low, high, step = high + 1, high + step, 2 * step
    at, total, cost = entry(window, high)
  end
  while low < high do
    local middle = floor((low + high) / 2)
    local its_at, its_total, its_cost = entry(window, middle)
    if its_at and not is_found(its_at, its_total) then
      low = middle + 1
    else
      high, at, total, cost = middle, its_at, its_total, its_cost
    end
  end
  return low, at, total, cost
end

local log = {}

function log.read(window)
  local last, total = entry(window, -1)
  if not last then return end
  local gone = NOW - window.length
  window.last, window.before = last, total
  if last <= gone then
    window.is_over = true
    return
  end
  local first, _, first_total, first_cost = search(window, 0, function(at) return at > gone end)
  window.first, window.before = first, first_total - first_cost
  window.used, window.reset = total - window.before, last - gone
  local needed = window.used + COST - window.limit
  if needed > 0 and COST <= window.limit then
    local _, at = search(window, first, function(_, upto) return upto - window.before >= needed end)
    window.wait = at - gone
  end
end

function log.take(window)
  if window.is_over then
    call('UNLINK', window.key)
  elseif window.first > 0 then
    call('LTRIM', window.key, window.first, -1)
  end
  local at = max(NOW, window.last)
  window.used, window.reset = window.used + COST, at - NOW + window.length
  call('RPUSH', window.key, pack('ddd', at, window.before + window.used, COST))
  call('PEXPIRE', window.key, expires_in(window.reset))
end

-- counter: of the window of the clock before this one, as much counts as would lie in the last `length` now, were it
-- spread evenly. In milliseconds, so that products stay exact.

local function weighed(span, at, before, here) -- times span
  return before * (span - at % span) + here * span
end

local function ends_in(window) -- us until nothing counts any more
  if window.here > 0 then return (window.start + 2 * window.span) * 1000 - NOW end
  return window.before > 0 and (window.start + window.span) * 1000 - NOW or 0
end

local function fades(window, count, to) -- ms of a window until no more than `to` of the one before count
  return count <= to and 0 or window.span - floor(to * window.span / count)
end

local counter = {}

function counter.read(window)
  local span, now = ceil(window.length / 1000), floor(NOW / 1000)
  local at, before, here = now, 0, 0
  local packed = call('GET', window.key)
  if packed then
    local its_span
    its_span, at, before, here = unpack_('dddd', packed)
    if its_span ~= span then -- the length has changed: what counted at the last take is taken as taken then
      before, here = 0, ceil(weighed(its_span, at, before, here) / its_span)
    end
    now = max(now, at)
  end
  local start, last_start = now - now % span, at - at % span
  if start == last_start + span then
    before, here = here, 0
  elseif start > last_start then
    before, here = 0, 0
  end
  window.span, window.now, window.start, window.before, window.here = span, now, start, before, here
  local used, room = weighed(span, now, before, here), window.limit - COST
  window.used, window.reset = used / span, ends_in(window)
  if room >= 0 and used > room * span then
    local fits_at = fades(window, before, room - here)
    if here > room then fits_at = span + fades(window, here, room) end
    window.wait = (start + fits_at) * 1000 - NOW
  end
end

function counter.take(window)
  window.here = window.here + COST
  window.used, window.reset = window.used + COST, ends_in(window)
  local packed = pack('dddd', window.span, window.now, window.before, window.here)
  call('PSETEX', window.key, expires_in(window.reset), packed)
end

-- burst: GCRA, as a debt that is paid back at the rate.

local function paid_back_in(window, debt)
  return debt <= 0 and 0 or window.at + ceil(debt / window.rate) - NOW
end

local burst = {}

function burst.read(window)
  local packed = call('GET', window.key)
  window.at, window.debt = NOW, 0
  if not packed then return end
  local length, at, debt = unpack_('ddd', packed)
  if length ~= window.length then debt = ceil(debt * window.length / length) end
  window.at = max(NOW, at)
  window.debt = max(0, debt - window.rate * (window.at - at))
  window.used, window.reset = window.debt / window.length, paid_back_in(window, window.debt)
  if COST <= window.limit then
    window.wait = paid_back_in(window, window.debt + (COST - window.limit) * window.length)
  end
end

function burst.take(window)
  window.debt = window.debt + COST * window.length
  window.used, window.reset = window.debt / window.length, paid_back_in(window, window.debt)
  call('PSETEX', window.key, expires_in(window.reset), pack('ddd', window.length, window.at, window.debt))
end

-- all of them

local windows, fits = {}, true

local function count(outcome) -- once for each class that has a say: all in what is allowed, those that refuse
  local counted = {}
  for _, window in ipairs(windows) do
    local class = window.class
    if not counted[class] and (fits or window.wait ~= 0) then
      counted[class] = true
      local field = class .. outcome
      if call('HINCRBY', STATISTICS, field, 1) == 1 and call('HLEN', STATISTICS) > 2 * MOST_CLASSES then
        call('HDEL', STATISTICS, field)
        call('HINCRBY', STATISTICS, 'other' .. outcome, 1)
      end
    end
  end
end

local kinds = {log, counter, burst}
local first_class = #KEYS + 2

for i = 2, #KEYS do
  local kind, limit, length, rate, bucket = unpack_('<ddddd', ARGV[i + 1])
  local window = {
    key = KEYS[i], of = kinds[kind], limit = limit, length = length, rate = rate, class = ARGV[first_class + bucket],
    used = 0, reset = 0, wait = COST <= limit and 0 or -1, last = 0, before = 0, first = 0,
  }
  window.of.read(window)
  fits = fits and window.wait == 0
  windows[i - 1] = window
end

if TAKES then
  if fits then
    for _, window in ipairs(windows) do window.of.take(window) end
  end
  count(fits and ':allowed' or ':refused')
end

local answer = {fits and 1 or 0}
for i, window in ipairs(windows) do
  answer[3 * i - 1] = max(0, floor(window.limit - window.used))
  answer[3 * i] = window.reset
  answer[3 * i + 1] = window.wait
end
return answer
