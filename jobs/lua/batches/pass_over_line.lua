-- pass_over_line: a line is refused and becomes no job; it ends with what the runner knows of it.
--
-- ARGV[3]  ref     ARGV[5]  its position    ARGV[7]  what there is to say, in words of the runner's own
-- ARGV[4]  token   ARGV[6]  id that its job would have had
--
-- Returns 1, also for a repeat, or 0 if the token no longer holds, or no line has its turn any more.

local refused = line_refused(ARGV[3], ARGV[4], tonumber(ARGV[5]))
if refused == 'left out' then error('a line before it was left out') end
if refused then return refused == 'replayed' and 1 or 0 end
local tenant, id = split(ARGV[3])
pass_line(ARGV[3], ARGV[5])
redis.call('HSET', owned_key(tenant, 'b:' .. id .. ':passed'), ARGV[6], ARGV[7])
redis.call('ZADD', ended_key(tenant, id), NOW, ARGV[6])
return 1
