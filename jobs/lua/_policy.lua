-- The scheduling policy: in which order waiting jobs enter the window. Accept order for now.
-- Everything that knows how waiting jobs are kept stands in these three functions.

local function policy_key(model) return KEYS[1] .. 'm:' .. model .. ':queue' end

-- A job that comes back keeps its sequence number, and so its old place.
local function policy_add(job) redis.call('ZADD', policy_key(job.model), job.seq, job.ref) end

local function policy_remove(job) redis.call('ZREM', policy_key(job.model), job.ref) end

-- The ref that goes next, or nil; it stays in the queue until it is removed.
local function policy_next(model) return redis.call('ZRANGE', policy_key(model), 0, 0)[1] end
