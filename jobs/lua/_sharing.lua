-- Shared by the moves of jobs, for those alone that have a digest of what decides their result: one run for many jobs.
--
-- A follower waits for the run of its leader. It is queued or running as that is, in the place `following`, in no flow,
-- in no window and on no worker; it is looked at by when it expires itself, and now and then, in case a release that
-- knows no followers has ended its leader. It has no tokens: readers get its leader's.
--
-- A leader waits in the highest class of all who wait for its run, and goes as early in it as the one that expires
-- first. What the run comes to ends the followers too. When a leader ends without that, the first of them leads on,
-- from the tokens that there are and with what was counted against the run.

local MOST_FOLLOWERS = 64
local LOOKED_AT_EVERY_MS = 30000
local FOLLOWER_SCHEMA = 2 -- a release that knows no followers leaves them alone
local RANKS = {interactive = 1, standard = 2, batch = 3}

local function named(job, id)
  local tenant = split(job.ref)
  return tenant .. '/' .. id
end

-- Those that follow the job of a ref, in the order in which they were accepted.
local function followers_of(ref)
  local found = {}
  for _, id in ipairs(redis.call('ZRANGE', tenant_key(ref, 'followers'), 0, -1)) do
    local job = read_job(named({ref = ref}, id))
    if job and not job.newer and job.place == 'following' and job.leader == job_id(ref) then found[#found + 1] = job end
  end
  return found
end

local function leader_of(job)
  local leader = read_job(named(job, job.leader))
  if leader and not leader.newer then return leader end
end

local function look_again(job) look_at(job, math.min(NOW + LOOKED_AT_EVERY_MS, expires_at(job))) end

-- The job whose run others of a tenant with this digest wait for, if it takes one more.
local function find(tenant, digest)
  local id = redis.call('GET', same_key(tenant, digest))
  local leader = id and read_job(tenant .. '/' .. id)
  if not leader or leader.newer or is_final(leader) or leader.cancel or leader.run ~= digest
    or leader.place == 'following' or NOW >= leader.deadline
    or redis.call('ZCARD', tenant_key(leader.ref, 'followers')) >= MOST_FOLLOWERS then
    return nil
  end
  return leader
end

-- From now on jobs with the digest of this one wait for it. The name outlives its leader only where a release that
-- knows none has ended that.
local function lead(job)
  local tenant, id = split(job.ref)
  redis.call('SET', same_key(tenant, job.run), id, 'PX', math.max(0, job.deadline - NOW) + FORGOTTEN_AFTER_MS)
end

-- A follower starts or waits again, as its leader does.
local function go_with(job, leader)
  if job.state ~= leader.state then move(job, leader.state) end
  put(job, 'attempt', leader.attempt or 0)
  if leader.state == 'running' and not job.started then put(job, 'started', NOW) end
  look_again(job)
end
local function go_along(leader)
  for _, job in ipairs(followers_of(leader.ref)) do go_with(job, leader) end
end

-- What started with a lease has not started.
local function not_started(leader)
  for _, job in ipairs(followers_of(leader.ref)) do
    if job.started and job.started >= leader.claimed then drop(job, 'started') end
  end
end

-- Put a leader into the highest class of all; returns by when the first of them expires.
local function lift(leader)
  local own = leader.own_class or class_of(leader)
  local class, expires = own, expires_at(leader)
  for _, job in ipairs(followers_of(leader.ref)) do
    if RANKS[class_of(job)] < RANKS[class] then class = class_of(job) end
    expires = math.min(expires, expires_at(job))
  end
  if class ~= class_of(leader) then put(leader, 'class', class) end
  if class ~= own then put(leader, 'own_class', own) elseif leader.own_class then drop(leader, 'own_class') end
  return expires
end

local function have_streamed(leader)
  if leader.streamed then return end
  put(leader, 'streamed', 1)
  if leader.state == 'running' then redis.call('PUBLISH', PREFIX .. 'c:' .. leader.worker, leader.ref) end
end

-- A job that is in no place waits for the run of another one.
local function follow(job, leader)
  put(job, 'place', 'following', 'leader', job_id(leader.ref), 'schema', math.max(usual_schema(job), FOLLOWER_SCHEMA))
  redis.call('ZADD', tenant_key(leader.ref, 'followers'), job.seq, job_id(job.ref))
  if not leader.led then put(leader, 'led', 1) end
  if job.streamed then have_streamed(leader) end
  go_with(job, leader)
  if leader.place ~= 'queue' then return end
  if RANKS[class_of(job)] < RANKS[class_of(leader)] then
    policy_remove(leader)
    policy_add(leader, lift(leader))
  else
    policy_hasten(leader, expires_at(job))
  end
end

-- A follower waits no longer for its leader's run. One that ends alone keeps the tokens that its readers may have seen.
local function part(job)
  local ref = named(job, job.leader)
  redis.call('ZREM', tenant_key(ref, 'followers'), job_id(job.ref))
  put(job, 'schema', usual_schema(job))
  if job.is_told then return end
  local leader = leader_of(job)
  if leader and redis.call('COPY', tenant_key(ref, 'tokens'), tenant_key(job.ref, 'tokens')) == 1 then
    put(job, 'emitted', leader.emitted, 'cached', leader.emitted)
  end
end

-- The first of some followers leads the others on. `ended` is their leader as it was; of one that is gone, its ref.
local function promote(jobs, ended)
  local heir, id = jobs[1], job_id(jobs[1].ref)
  redis.call('ZREM', tenant_key(ended.ref, 'followers'), id)
  drop(heir, 'leader', 'place')
  put(heir, 'schema', usual_schema(heir))
  if redis.call('COPY', tenant_key(ended.ref, 'tokens'), tenant_key(heir.ref, 'tokens')) == 1 then
    put(heir, 'emitted', ended.recorded or ended.emitted)
  end
  for _, name in ipairs({'failures', 'lost'}) do if ended[name] then put(heir, name, ended[name]) end end
  for i = 2, #jobs do
    local job = jobs[i]
    redis.call('ZREM', tenant_key(ended.ref, 'followers'), job_id(job.ref))
    redis.call('ZADD', tenant_key(heir.ref, 'followers'), job.seq, job_id(job.ref))
    put(job, 'leader', id)
    if job.streamed and not heir.streamed then put(heir, 'streamed', 1) end
  end
  local tenant = split(heir.ref)
  local leads = redis.call('GET', same_key(tenant, heir.run))
  if not leads or leads == job_id(ended.ref) then lead(heir) end
  if #jobs > 1 then put(heir, 'led', 1) end
  if heir.state == 'running' then
    move(heir, 'queued')
  else
    put(heir, 'version', heir.version + 1)
    wake(heir)
    go_along(heir)
  end
  enter_queue(heir)
end

-- Whether what a leader's run came to is what a follower's would come to. A limit of the leader's own is not.
local function ends_alike(job, leader, to, code)
  if code then return code == 'worker_lost' end
  local told = leader.tells
  if not told or told.outcome == '' then return false end
  if to == 'failed' then
    if told.gave_up then return job.max <= leader.failures end
    return job.timeout <= leader.timeout
  end
  return to == 'succeeded'
end

local function end_alike(job, leader, to, code)
  for _, name in ipairs({'failures', 'lost'}) do if leader[name] then put(job, name, leader[name]) end end
  if code then
    finalise(job, to, code)
    dead_letter(job)
    return
  end
  local told = leader.tells
  job.is_told = true
  redis.call('SET', tenant_key(job.ref, 'out'), told.outcome)
  if told.log ~= '' then redis.call('SET', tenant_key(job.ref, 'log'), told.log) end
  put(job, 'emitted', told.emitted)
  local words = told.words
  if string.sub(words, 1, 13) == '"result_url":' then
    words = '"result_url":"/v1/jobs/' .. job_id(job.ref) .. '/result"'
  end
  finalise(job, to, nil, words ~= '' and words or nil, told.finish_reason, 0, told.used)
  if told.gave_up then dead_letter(job) end
end

-- A leader has ended: so do its followers, or one of them leads on.
local function ended(leader, to, code)
  local left = {}
  for _, job in ipairs(followers_of(leader.ref)) do
    if ends_alike(job, leader, to, code) then end_alike(job, leader, to, code) else left[#left + 1] = job end
  end
  if left[1] then promote(left, leader) end
end

-- The engine cannot go on from the tokens of a run: those whose readers have seen any fail.
local function end_those_who_saw(leader)
  for _, job in ipairs(followers_of(leader.ref)) do
    if job.seen then
      finalise(job, 'failed', 'stream_lost')
      dead_letter(job)
    end
  end
end

-- See whether the leader of a follower still leads; a release that knows no followers leaves them behind.
local function look_at_leader(job)
  local ref = named(job, job.leader)
  local leader = read_job(ref)
  if leader and (leader.newer or not is_final(leader) and leader.place ~= 'following') then
    look_again(job)
    return
  end
  local left = followers_of(ref)
  local is_among = false
  for _, one in ipairs(left) do is_among = is_among or one.ref == job.ref end
  promote(is_among and left or {job}, leader or {ref = ref})
end

local function wake_all(leader)
  for _, id in ipairs(redis.call('ZRANGE', tenant_key(leader.ref, 'followers'), 0, -1)) do
    redis.call('PUBLISH', tenant_key(named(leader, id), 'wake'), leader.version)
  end
end

return {find = find, lead = lead, follow = follow, leader_of = leader_of, part = part, lift = lift, ended = ended,
  go_along = go_along, not_started = not_started, end_those_who_saw = end_those_who_saw, have_streamed = have_streamed,
  look_at_leader = look_at_leader, wake_all = wake_all}
