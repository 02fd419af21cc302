-- Shared by every move that ends a job: what it has used, added up in the same breath.
--
-- A tenant's day has one field for each outcome, API key and model: `outcome/key/model`. It holds whole numbers with a
-- space between: jobs, prompt, completion, cached and wasted tokens, microseconds of an engine. A number that a later
-- release has put behind them stays as it is. The day is that of the end, in UTC, as days since 1970.

local USED = PREFIX .. 'used'
local DAY_MS = 86400000

-- Of a job that ends without a word of a worker: what earlier attempts have said of theirs, and what is recorded of its
-- text. Where a failed attempt's outcome is still the last word, so is its text; else it goes no further than the log.
local function used_by_then(job, code)
  local unsaved = job.unsaved or 0
  local completion, wasted = job.emitted or 0, job.wasted or 0
  if code then wasted = wasted + unsaved else completion = completion + unsaved end
  return {prompt = job.prompt, completion = completion, cached = job.cached, wasted = wasted, engine = job.engine}
end

-- Count a job that ends as `outcome`; `used` has prompt, completion, cached, wasted (tokens) and engine (microseconds),
-- of which those that are 0 may be absent.
local function count_usage(job, outcome, used)
  local tenant = split(job.ref)
  local day = math.floor(NOW / DAY_MS)
  local key = owned_key(tenant, string.format('usage:%d', day))
  local field = outcome .. '/' .. (job.key or 'operator') .. '/' .. job.model
  local sums = {}
  for number in string.gmatch(redis.call('HGET', key, field) or '', '%d+') do sums[#sums + 1] = number end
  for i, more in ipairs({1, used.prompt or 0, used.completion or 0, used.cached or 0, used.wasted or 0, used.engine or 0}) do
    sums[i] = string.format('%.0f', tonumber(sums[i] or 0) + more)
  end
  if redis.call('HSET', key, field, table.concat(sums, ' ')) == 1 then -- the first of this kind today
    redis.call('PEXPIREAT', key, string.format('%.0f', (day + 1) * DAY_MS + rules().usage))
    redis.call('ZADD', USED, day, tenant)
    redis.call('ZREMRANGEBYSCORE', USED, '-inf', day - math.ceil(rules().usage / DAY_MS) - 1)
  end
end
