-- Shared by the moves of batches, and by accept: how a batch is kept, who may change it, and whose turn it is of its
-- lines.

local BATCHES = PREFIX .. 'batches'
local BATCH_NUMBERS = {'schema', 'fence', 'total', 'position', 'completed_lines', 'failed_lines', 'expires_at', 'tries',
  'claimed'}

local function read_batch(ref) return read_record(ref, 'batch', BATCH_NUMBERS) end
local function write_batch(batch, ...)
  redis.call('HSET', tenant_key(batch.ref, 'batch'), ...)
end

local MOST_TRIES = 5
local TRIES_OF_A_SUSPECT = 2 -- as jobs.batches.batch has it
local PROVEN_MS = 60000 -- a run that has lasted so long was not the end of its runner

-- A run has ended badly, and no line was told since the last one that did. After so many of these in a row the batch is
-- given up: nothing more of it runs, and they are counted anew.
local function count_try(batch)
  batch.tries = (batch.tries or 0) + 1
  if batch.tries >= MOST_TRIES and not batch.given_up then
    write_batch(batch, 'given_up', NOW)
    batch.given_up, batch.tries = NOW, 0
  end
  write_batch(batch, 'tries', batch.tries)
end
local function forget_tries(batch)
  redis.call('HDEL', tenant_key(batch.ref, 'batch'), 'tries')
  batch.tries = nil
end
local function is_suspect(batch) return batch.given_up or (batch.tries or 0) >= TRIES_OF_A_SUSPECT end

local function is_over(status) return next(rules().batch_moves[status]) == nil end
local function may_become(batch, to) return rules().batch_moves[batch.status][to] ~= nil end

-- Those who look at a batch over HTTP are told that something about it has changed.
local function wake_batch(batch) redis.call('PUBLISH', tenant_key(batch.ref, 'wake'), batch.status) end

-- Whether a token still holds the right to run a batch.
local function holds_batch(batch, token)
  return batch ~= nil and not batch.newer and batch.fence == token and not is_over(batch.status)
end

-- Somebody must look at a batch by then; those who wait for one are told.
local function look_at_batch(ref, at)
  redis.call('ZADD', BATCHES, at, ref)
  redis.call('PUBLISH', BATCHES, ref)
end

-- Change the status; the caller has asked whether it may.
local function become(batch, to)
  write_batch(batch, 'status', to, to .. '_at', NOW)
  batch.status = to
  wake_batch(batch)
end

-- Why a line is not accepted: 'fenced' (somebody else runs the batch), 'replayed' (it was), 'stopped' (no line is any
-- more), 'left out' (one before it is not); nil if it is.
local function line_refused(ref, token, position)
  local found = redis.call('HMGET', tenant_key(ref, 'batch'), 'fence', 'position', 'status', 'expires_at', 'schema')
  if found[1] ~= token or tonumber(found[5]) > SCHEMA then return 'fenced' end
  local next_ = tonumber(found[2])
  if position < next_ then return 'replayed' end
  if found[3] ~= 'in_progress' or NOW >= tonumber(found[4]) then return 'stopped' end
  if position > next_ then return 'left out' end
end

-- The next line's turn.
local function pass_line(ref, position)
  redis.call('HSET', tenant_key(ref, 'batch'), 'position', string.format('%.0f', position + 1))
end

local function open_lines(batch)
  local tenant, id = split(batch.ref)
  local of_batch = owned_key(tenant, 'b:' .. id .. ':state:')
  return redis.call('ZCARD', of_batch .. 'queued') + redis.call('ZCARD', of_batch .. 'running')
end

-- How many lines of a batch are to be told before it may end so. One that failed need not tell those that never were
-- jobs.
local function lines_left(batch, to)
  local tenant, id = split(batch.ref)
  if batch.total and to ~= 'failed' then
    return batch.total - (batch.completed_lines or 0) - (batch.failed_lines or 0)
  end
  return open_lines(batch) + redis.call('ZCARD', ended_key(tenant, id))
end

-- A batch that has ended needs its input no more.
local function leave_input(batch)
  local tenant, id = split(batch.ref)
  local ref = tenant .. '/' .. batch.input
  redis.call('SREM', tenant_key(ref, 'uses'), id)
  local input = read_file(ref)
  if input and not input.newer and not is_found(input) then redis.call('ZADD', FILES_DUE, NOW, ref) end
end

-- Nobody looks at a batch any more; its event is told.
local function end_as(batch, to)
  local tenant, id = split(batch.ref)
  become(batch, to)
  leave_input(batch)
  redis.call('HDEL', tenant_key(batch.ref, 'batch'), 'runner', 'waiting_for')
  redis.call('ZREM', BATCHES, batch.ref)
  redis.call('ZADD', PREFIX .. 'ended_batches', NOW + rules().batches, batch.ref)
  batch.model = batch.model or ''
  local name = 'batch.' .. to
  local entry = list_event(tenant, name, id, batch.model)
  if redis.call('EXISTS', owned_key(tenant, 'endpoints')) == 1 then tell_of_job(batch, name, entry) end
  redis.call('PUBLISH', BATCHES, batch.ref)
end
